// Pages of other sites: {label, href}. They open in a tab of their own.
export function render({model}) {
  const root = element("nav", "row")
  const draw = () => {
    root.setAttribute("aria-label", model.title)
    root.replaceChildren(...model.links.map((link) => {
      const found = element("a", "button small", link.label)
      found.href = link.href
      found.target = "_blank"
      found.rel = "noopener noreferrer"
      found.append(element("span", "sr", " (opens in a new tab)"))
      return found
    }))
  }
  for (const name of ["links", "title"]) { model.on(name, unpressed(draw)) }
  draw()
  return root
}
