// Rows of text. Columns: {title, note, right, state}. Every cell is set as text, never as markup.
export function render({model}) {
  const frame = document.createElement("div")
  frame.className = "frame"
  frame.tabIndex = 0
  frame.setAttribute("role", "region")
  const draw = () => {
    frame.setAttribute("aria-label", model.title)
    frame.classList.toggle("acts", model.actions.length > 0)
    const table = document.createElement("table")
    const head = table.createTHead().insertRow()
    for (const column of model.columns) {
      const cell = document.createElement("th")
      cell.scope = "col"
      cell.textContent = column.title
      cell.classList.toggle("right", !!column.right)
      if (column.note) {
        const note = document.createElement("small")
        note.textContent = column.note
        cell.append(note)
      }
      head.append(cell)
    }
    if (model.actions.length) {
      const cell = document.createElement("th")
      cell.scope = "col"
      const words = document.createElement("span")
      words.className = "sr"
      words.textContent = "Actions"
      cell.append(words)
      head.append(cell)
    }
    const body = table.createTBody()
    model.rows.forEach((row, index) => {
      const line = body.insertRow()
      row.forEach((value, at) => {
        const cell = line.insertCell()
        const column = model.columns[at] || {}
        const target = column.state ? document.createElement("span") : cell
        if (column.state) { target.className = `state ${value}`; cell.append(target) }
        target.append(value === null ? "null" : String(value))
        cell.classList.toggle("null", value === null)
        cell.classList.toggle("right", !!column.right)
        if (String(value).length > 40) { cell.title = value }
      })
      if (model.actions.length) {
        const cell = line.insertCell()
        for (const action of model.actions) {
          const button = document.createElement("button")
          button.className = "button small"
          button.textContent = action
          button.setAttribute("aria-label", `${action}: ${row[0]}`)
          button.onclick = () => model.send_msg({action, row: index})
          cell.append(button)
        }
      }
    })
    frame.replaceChildren(table)
    if (!model.rows.length) {
      const none = document.createElement("div")
      none.className = "none"
      none.textContent = model.empty
      frame.replaceChildren(none)
    }
  }
  for (const name of ["columns", "rows", "title", "empty", "actions"]) { model.on(name, draw) }
  draw()
  return frame
}
