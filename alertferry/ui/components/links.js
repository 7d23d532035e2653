// Files to fetch from this server, or pages of it: {label, href, note, save}. Addresses are relative to the page.
export function render({model}) {
  const root = element("div", "row")
  const draw = () => root.replaceChildren(...model.links.map((link) => {
    const found = element("a", "button")
    found.href = new URL(link.href, document.baseURI)
    if (link.save) { found.download = link.save }
    found.append(link.label)
    if (link.note) {
      found.append(element("small", "", link.note))
    }
    return found
  }))
  model.on("links", draw)
  draw()
  return root
}
