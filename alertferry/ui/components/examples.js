// Worked requests, each to be opened.
export function render({model}) {
  const list = element("ul")
  list.setAttribute("aria-label", "Examples")
  const draw = () => list.replaceChildren(...model.items.map((item) => {
    const [line, open] = [element("li"), element("button")]
    open.append(element("b", "", item.title), element("span", "soft", item.about))
    open.onclick = () => model.send_msg({open: item.key})
    line.append(open)
    return line
  }))
  model.on("items", draw)
  draw()
  return list
}
