// A question before something that costs or destroys. It opens over the page; Escape is no.
export function render({model}) {
  const box = element("dialog", "say ask")
  const [title, list, tools] = [element("h2"), element("ul"), element("div", "tools")]
  box.append(title, list, tools)
  title.id = `ask-${Math.random().toString(36).slice(2)}`
  box.setAttribute("aria-labelledby", title.id)
  const answer = (yes) => {
    box.close()
    model.send_msg({yes, turn: model.turn})
  }
  box.oncancel = (event) => {
    event.preventDefault()
    answer(false)
  }
  const draw = () => {
    title.textContent = model.title
    list.replaceChildren(...model.lines.map((words) => element("li", "", words)))
    const no = button(model.no, () => answer(false), "button")
    const yes = button(model.yes, () => answer(true), model.danger ? "button danger" : "button main")
    tools.replaceChildren(no, yes)
    if (model.turn && !box.open) {
      box.showModal()
      no.focus()
    } else if (!model.turn && box.open) {
      box.close()
    }
  }
  let waits = false
  const soon = () => {  // once all that changes with it is there
    if (!waits) { queueMicrotask(() => { waits = false; draw() }) }
    waits = true
  }
  for (const name of ["turn", "title", "lines", "yes", "no", "danger"]) { model.on(name, soon) }
  setTimeout(soon, 0)  // a dialog opens only in the page
  return box
}
