// The fields of a survey as a tree with a search box; to tick (content) or to pick one (the editor's finder).
export function render({model}) {
  const root = element("div")
  const search = searchBar("Search fields by name, unit or description")
  const tree = element("div", "tree")
  const chosen = element("ul", "chosen")
  chosen.setAttribute("aria-label", "Chosen fields")
  root.append(search.top, tree, chosen)
  const open = new Set()

  const cell = (className, words) => element("span", className, words)
  const size = (bytes) => bytes === null ? "" : bytes < 1000 ? `${bytes < 10 ? bytes.toFixed(1) : Math.round(bytes)} B` : `${(bytes / 1000).toFixed(1)} kB`
  const parentOf = (path) => model.fields.find((field) => path.startsWith(`${field.path}.`) && model.chosen.includes(field.path))
  const tick = (field) => {
    const box = element("input")
    box.type = "checkbox"
    box.checked = model.chosen.includes(field.path) || !!parentOf(field.path)
    box.disabled = !!parentOf(field.path)
    box.dataset.path = field.path
    box.setAttribute("aria-label", field.path)
    box.onclick = (event) => event.stopPropagation()
    box.onchange = () => model.send_msg({path: field.path, on: box.checked})
    return box
  }
  const cells = (field) => [cell("type", field.type), cell("unit", field.unit), cell("about", field.description)]
  const leaf = (field, name) => {
    const line = element(model.picks ? "button" : "label", `leaf${model.picks ? " pick" : ""}`)
    if (model.picks) {
      line.onclick = () => model.send_msg({pick: field.path})
      line.append(cell("name", field.path), ...cells(field))
    } else {
      line.style.setProperty("--depth", field.path.split(".").length - 1)
      line.append(cell("", ""), tick(field), cell("name", name), ...cells(field), cell("size", size(field.bytes)))
    }
    return line
  }
  const branch = (field, children) => {
    const details = element("details")
    details.open = open.has(field.path)
    const summary = element("summary")
    const twist = cell("twist", "›")
    twist.setAttribute("aria-hidden", "true")
    summary.append(twist, tick(field), cell("name", field.path.split(".").pop()), ...cells(field), cell("size", size(field.bytes)))
    details.append(summary)
    const fill = () => { if (details.children.length === 1) { details.append(...children.map((child) => node(child))) } }
    if (details.open) { fill() }
    details.ontoggle = () => { details.open ? open.add(field.path) : open.delete(field.path); fill() }
    return details
  }
  let below = new Map()
  const node = (field) => below.has(field.path) ? branch(field, below.get(field.path)) : leaf(field, field.path.split(".").pop())
  const index = () => {
    below = new Map()
    for (const field of model.fields) {
      const dot = field.path.lastIndexOf(".")
      if (dot > 0) {
        const parent = field.path.slice(0, dot)
        below.has(parent) ? below.get(parent).push(field) : below.set(parent, [field])
      }
    }
  }
  const draw = () => {
    const flat = search.asked() || model.picks
    const hits = model.fields.filter((field) => {
      return search.finds(`${field.path} ${field.unit} ${field.description}`) && !(model.picks && below.has(field.path))
    })
    search.count.textContent = search.asked() ? `${hits.length} found` : `${model.fields.length} fields`
    const roots = model.fields.filter((field) => !field.path.includes("."))
    tree.replaceChildren(...(flat ? hits.map((field) => leaf(field, field.path)) : roots.map(node)))
    if (!hits.length) { tree.append(cell("none", "No field has these words.")) }
  }
  const mark = () => {
    for (const box of tree.querySelectorAll("input")) {
      const above = parentOf(box.dataset.path)
      box.checked = model.chosen.includes(box.dataset.path) || !!above
      box.disabled = !!above
    }
    chosen.replaceChildren(...(model.picks ? [] : model.chosen).map((path) => {
      const item = element("li")
      const button = element("button", "", path)
      button.setAttribute("aria-label", `Remove ${path}`)
      button.onclick = () => model.send_msg({path, on: false})
      item.append(button)
      return item
    }))
  }
  search.input.oninput = draw
  model.on("fields", unpressed(() => { index(); draw(); mark() }))
  model.on("chosen", mark)
  index()
  draw()
  mark()
  return root
}
