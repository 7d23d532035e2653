// Worked requests, each to be opened.
export function render({model}) {
  const [root, list] = [element("div", "begin"), element("ul")]
  list.setAttribute("aria-label", "Examples")
  root.append(element("span", "soft", "Or begin with an example"), list)
  const draw = () => {
    root.classList.toggle("none", !model.items.length)
    list.replaceChildren(...model.items.map((item) => {
      const [line, open] = [element("li"), element("button")]
      open.append(element("b", "", item.title), element("span", "soft", item.about))
      open.onclick = () => model.send_msg({open: item.key})
      line.append(open)
      return line
    }))
  }
  model.on("items", unpressed(draw))
  draw()
  return root
}
