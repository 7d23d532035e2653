// Rows of text. Columns: {title, note, right, state, kind}. Every cell is set as text, never as markup. Sorting and
// searching stay in the browser; what is long is drawn a hundred rows at a time.
const PAGE = 100
const VALUES = {int: (text) => BigInt(text), float: Number}
const valueOf = (text, kind) => {
  try { return VALUES[kind] ? VALUES[kind](text) : text.toLowerCase() } catch { return text }
}

export function render({model}) {
  const root = element("div")
  const {top, input, count, finds, asked} = searchBar("Search in the table")
  const frame = element("div", "frame")
  frame.tabIndex = 0
  frame.setAttribute("role", "region")
  const table = element("table")
  const head = table.createTHead().insertRow()
  const body = table.createTBody()
  const none = element("div", "none")
  const more = button("", () => { pages += 1; draw() }, "button small more")
  frame.append(table, none)
  root.append(top, frame, more)
  let [by, down, pages] = [-1, false, 1]
  let lines = new Map()

  const drawHead = () => {
    const cells = model.columns.map((column, at) => {
      const cell = element("th")
      cell.scope = "col"
      if (model.sortable) {
        cell.append(button(column.title, () => {
          [by, down] = [at, by === at ? !down : false]
          draw()
        }, "sort"))
      } else {
        cell.textContent = column.title
      }
      cell.classList.toggle("right", !!column.right)
      if (column.note) { cell.append(element("small", "", column.note)) }
      return cell
    })
    if (model.actions.length) {
      const cell = element("th")
      cell.scope = "col"
      cell.append(element("span", "sr", "Actions"))
      cells.push(cell)
    }
    head.replaceChildren(...cells)
    by = -1
    drawAll()
  }
  const fill = (cell, value, column) => {
    const target = column.state ? element("span") : cell
    if (column.state) { target.className = `state ${value}`; cell.append(target) }
    target.append(value === null ? "null" : String(value))
    cell.classList.toggle("null", value === null)
    cell.classList.toggle("right", !!column.right)
    if (String(value).length > 40) { cell.title = value }
  }
  const makeLine = (index) => {
    const [row, key] = [model.rows[index], model.keys[index]]
    const line = element("tr")
    row.forEach((value, at) => {
      const cell = line.insertCell()
      if (at === 0 && model.opens) {
        const open = button(value === null ? "null" : String(value), () => {}, "open")
        open.setAttribute("aria-label", `${model.opens} ${value}`)
        cell.append(open)
      } else {
        fill(cell, value, model.columns[at] || {})
      }
    })
    if (model.opens) { line.onclick = () => model.send_msg({open: key}) }
    if (model.actions.length) {
      const cell = line.insertCell()
      for (const action of model.actions) {
        const act = button(action, () => model.send_msg({action, key}))
        act.setAttribute("aria-label", `${action}: ${row[0]}`)
        cell.append(act)
      }
    }
    return line
  }
  const compare = (kind) => (one, other) => {
    const [a, b] = [model.rows[one][by], model.rows[other][by]]
    if (a === null || b === null) { return (a === null) - (b === null) }  // what is not known comes last
    const [x, y] = [valueOf(a, kind), valueOf(b, kind)]
    return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1)
  }
  const draw = () => {
    let order = model.rows.map((_, index) => index)
    if (model.searchable && asked()) { order = order.filter((at) => finds(model.rows[at].map(String).join(" "))) }
    if (by >= 0) { order.sort(compare((model.columns[by] || {}).kind)) }
    head.querySelectorAll("th").forEach((cell, at) => {
      if (at === by) { cell.setAttribute("aria-sort", down ? "descending" : "ascending") } else { cell.removeAttribute("aria-sort") }
    })
    const shown = model.sortable ? order.slice(0, pages * PAGE) : order
    for (const index of shown) { if (!lines.has(index)) { lines.set(index, makeLine(index)) } }
    body.replaceChildren(...shown.map((index) => lines.get(index)))
    more.hidden = shown.length === order.length
    more.textContent = `Show ${Math.min(PAGE, order.length - shown.length)} more of ${order.length.toLocaleString("en")}`
    table.hidden = !order.length
    none.hidden = !!order.length
    none.textContent = model.rows.length ? "No row holds these words." : model.empty
    count.textContent = asked() ? `${order.length.toLocaleString("en")} of ${model.rows.length.toLocaleString("en")}` : ""
    mark()
  }
  const mark = () => {
    for (const [index, line] of lines) {
      const here = !!model.current && model.keys[index] === model.current
      line.classList.toggle("current", here)
      if (here) { line.setAttribute("aria-current", "true") } else { line.removeAttribute("aria-current") }
    }
  }
  const drawAll = () => {
    frame.setAttribute("aria-label", model.title)
    frame.classList.toggle("acts", model.actions.length > 0)
    frame.classList.toggle("opens", !!model.opens)
    top.hidden = !model.searchable || !model.rows.length
    lines = new Map()
    pages = 1
    draw()
  }
  input.oninput = () => { pages = 1; draw() }
  for (const name of ["columns", "actions", "sortable"]) { model.on(name, unpressed(drawHead)) }
  for (const name of ["keys", "rows", "title", "empty", "opens", "searchable"]) { model.on(name, unpressed(drawAll)) }
  model.on("current", mark)
  drawHead()
  return root
}
