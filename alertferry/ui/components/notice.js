// A message with its tone as a sign and a word, not only a colour; shown as text.
const SIGNS = {error: "✕", warning: "!", success: "✓", info: "i"}
const WORDS = {error: "Problem: ", warning: "Note: ", success: "", info: ""}

export function render({model}) {
  const box = element("div")
  const draw = () => {
    box.hidden = !model.title && !model.lines.length
    box.className = `say tone-${model.tone}`
    box.setAttribute("role", model.tone === "error" ? "alert" : "status")
    const title = element("p", "title")
    title.dataset.sign = SIGNS[model.tone]
    const word = element("span", "sr", WORDS[model.tone])
    title.append(word, model.title)
    const list = element("ul")
    list.append(...model.lines.map((words) => element("li", "", words)))
    const tools = element("div", "tools")
    tools.append(...model.actions.map((action) => button(action, () => model.send_msg({action}))))
    box.replaceChildren(...(model.title ? [title] : []), ...(model.lines.length ? [list] : []), tools)
  }
  for (const name of ["tone", "title", "lines", "actions"]) { model.on(name, unpressed(draw)) }
  draw()
  return box
}
