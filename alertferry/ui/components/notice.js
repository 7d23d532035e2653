// A message with its tone as a sign and a word, not only a colour; shown as text.
const SIGNS = {error: "✕", warning: "!", success: "✓", info: "i"}
const WORDS = {error: "Problem: ", warning: "Note: ", success: "", info: ""}

export function render({model}) {
  const box = document.createElement("div")
  const draw = () => {
    box.hidden = !model.title && !model.lines.length
    box.className = `say tone-${model.tone}`
    box.setAttribute("role", model.tone === "error" ? "alert" : "status")
    const title = document.createElement("p")
    title.className = "title"
    title.dataset.sign = SIGNS[model.tone]
    const word = document.createElement("span")
    word.className = "sr"
    word.textContent = WORDS[model.tone]
    title.append(word, model.title)
    const list = document.createElement("ul")
    list.append(...model.lines.map((words) => {
      const item = document.createElement("li")
      item.textContent = words
      return item
    }))
    const tools = document.createElement("div")
    tools.className = "tools"
    tools.append(...model.actions.map((action) => {
      const button = document.createElement("button")
      button.className = "button small"
      button.textContent = action
      button.onclick = () => model.send_msg({action})
      return button
    }))
    box.replaceChildren(...(model.title ? [title] : []), ...(model.lines.length ? [list] : []), tools)
  }
  for (const name of ["tone", "title", "lines", "actions"]) { model.on(name, draw) }
  draw()
  return box
}
