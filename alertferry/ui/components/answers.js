// Questions and answers. An answer is text; what stands between back quotes in it is to be typed.
export function render({model}) {
  const root = element("div", "answers")
  const paragraph = (text) => {
    const found = element("p")
    found.append(...text.split("`").map((part, index) => index % 2 ? element("code", "", part) : part))
    return found
  }
  const question = ({question, answer}) => {
    const details = element("details")
    const text = element("div", "text")
    text.append(...answer.map(paragraph))
    details.append(element("summary", "", question), text)
    return details
  }
  const link = ({label, href}) => {
    const found = element("a", "button", label)
    found.href = href
    if (!href.startsWith("mailto:")) {
      found.target = "_blank"
      found.rel = "noopener"
    }
    return found
  }
  const draw = () => {
    const groups = model.groups.map((group) => {
      const section = element("section")
      section.append(element("h2", "", group.title), ...group.items.map(question))
      return section
    })
    const links = element("div", "links")
    links.append(...model.links.map(link))
    root.replaceChildren(...groups, ...(model.links.length ? [links] : []))
  }
  for (const name of ["groups", "links"]) { model.on(name, unpressed(draw)) }
  draw()
  return root
}
