// Fields, tags and blocks of a survey: groups that open, and open by themselves where a search finds something in them.
export function render({model}) {
  const root = element("div")
  const search = searchBar("Search by name, unit or description")
  const groups = element("div", "groups")
  root.append(search.top, groups)
  const open = new Set()
  const line = (row) => {
    const item = element("tr")
    const name = element("th", "name", row.name)
    name.scope = "row"
    item.append(name, element("td", "type", row.type), element("td", "unit", row.unit), element("td", "about", row.about), element("td", "size", row.size))
    return item
  }
  const table = (group, rows) => {
    const found = element("table")
    found.append(element("caption", "sr", group.title))
    const head = found.createTHead().insertRow()
    for (const [title, kind] of [["Name", "name"], ["Type", "type"], ["Unit", "unit"], ["Meaning", "about"], ["Size", "size"]]) {
      const cell = element("th", kind, title)
      cell.scope = "col"
      head.append(cell)
    }
    found.createTBody().append(...rows.map(line))
    return found
  }
  const part = (group) => {
    const asked = search.asked()
    const rows = asked ? group.rows.filter((row) => search.finds(`${row.name} ${row.unit} ${row.about}`)) : group.rows
    if (asked && !rows.length) { return null }
    const details = element("details")
    details.open = asked || open.has(group.title)
    const summary = element("summary")
    const count = asked ? `${rows.length} of ${group.rows.length}` : `${group.rows.length}`
    summary.append(element("span", "title", group.title), element("span", "soft", `${count} ${group.what}`), element("span", "note", group.note))
    details.append(summary)
    const fill = () => { if (details.open && details.children.length === 1) { details.append(table(group, rows)) } }
    fill()
    details.ontoggle = () => {
      if (!search.asked()) { details.open ? open.add(group.title) : open.delete(group.title) }
      fill()
    }
    return details
  }
  const draw = () => {
    const parts = model.groups.map(part).filter(Boolean)
    const all = model.groups.flatMap((group) => group.rows)
    const hits = all.filter((row) => search.finds(`${row.name} ${row.unit} ${row.about}`)).length
    search.count.textContent = search.asked() ? `${hits.toLocaleString("en")} found` : `${all.length.toLocaleString("en")} names`
    groups.replaceChildren(...parts)
    if (!parts.length) { groups.append(element("p", "none", model.groups.length ? "Nothing here has these words." : model.empty)) }
  }
  search.input.oninput = draw
  for (const name of ["groups", "empty"]) { model.on(name, unpressed(draw)) }
  draw()
  return root
}
