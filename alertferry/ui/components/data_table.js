// Rows of text. Columns: {title, note, right, state}. Every cell is set as text, never as markup.
export function render({model}) {
  const frame = element("div", "frame")
  frame.tabIndex = 0
  frame.setAttribute("role", "region")
  const draw = () => {
    frame.setAttribute("aria-label", model.title)
    frame.classList.toggle("acts", model.actions.length > 0)
    const table = element("table")
    const head = table.createTHead().insertRow()
    for (const column of model.columns) {
      const cell = element("th")
      cell.scope = "col"
      cell.textContent = column.title
      cell.classList.toggle("right", !!column.right)
      if (column.note) {
        cell.append(element("small", "", column.note))
      }
      head.append(cell)
    }
    if (model.actions.length) {
      const cell = element("th")
      cell.scope = "col"
      cell.append(element("span", "sr", "Actions"))
      head.append(cell)
    }
    const body = table.createTBody()
    model.rows.forEach((row, index) => {
      const line = body.insertRow()
      row.forEach((value, at) => {
        const cell = line.insertCell()
        const column = model.columns[at] || {}
        const target = column.state ? element("span") : cell
        if (column.state) { target.className = `state ${value}`; cell.append(target) }
        target.append(value === null ? "null" : String(value))
        cell.classList.toggle("null", value === null)
        cell.classList.toggle("right", !!column.right)
        if (String(value).length > 40) { cell.title = value }
      })
      if (model.actions.length) {
        const cell = line.insertCell()
        for (const action of model.actions) {
          const act = button(action, () => model.send_msg({action, key: model.keys[index]}))
          act.setAttribute("aria-label", `${action}: ${row[0]}`)
          cell.append(act)
        }
      }
    })
    frame.replaceChildren(table)
    if (!model.rows.length) {
      frame.replaceChildren(element("div", "none", model.empty))
    }
  }
  for (const name of ["columns", "keys", "rows", "title", "empty", "actions"]) { model.on(name, draw) }
  draw()
  return frame
}
