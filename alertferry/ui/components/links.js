// Files to fetch from this server, or pages of it: {label, href, note, save}. Addresses are relative to the page.
export function render({model}) {
  const root = document.createElement("div")
  root.className = "row"
  const draw = () => root.replaceChildren(...model.links.map((link) => {
    const found = document.createElement("a")
    found.className = "button"
    found.href = new URL(link.href, document.baseURI)
    if (link.save) { found.download = link.save }
    found.append(link.label)
    if (link.note) {
      const note = document.createElement("small")
      note.textContent = link.note
      found.append(note)
    }
    return found
  }))
  model.on("links", draw)
  draw()
  return root
}
