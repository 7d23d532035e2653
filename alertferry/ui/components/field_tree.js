// The fields of a survey as a tree with a search box; to tick (content) or to pick one (the editor's finder).
export function render({model}) {
  const root = document.createElement("div")
  const top = document.createElement("div")
  top.className = "top"
  const search = document.createElement("input")
  search.className = "search"
  search.type = "search"
  search.placeholder = "Search fields by name, unit or description"
  search.setAttribute("aria-label", search.placeholder)
  const count = document.createElement("span")
  count.className = "soft"
  count.setAttribute("role", "status")
  top.append(search, count)
  const tree = document.createElement("div")
  tree.className = "tree"
  const chosen = document.createElement("ul")
  chosen.className = "chosen"
  chosen.setAttribute("aria-label", "Chosen fields")
  root.append(top, tree, chosen)
  const open = new Set()

  const cell = (className, words) => {
    const span = document.createElement("span")
    span.className = className
    span.textContent = words
    return span
  }
  const size = (bytes) => bytes === null ? "" : bytes < 1000 ? `${bytes < 10 ? bytes.toFixed(1) : Math.round(bytes)} B` : `${(bytes / 1000).toFixed(1)} kB`
  const parentOf = (path) => model.fields.find((field) => path.startsWith(`${field.path}.`) && model.chosen.includes(field.path))
  const tick = (field) => {
    const box = document.createElement("input")
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
    const line = document.createElement(model.picks ? "button" : "label")
    line.className = `leaf${model.picks ? " pick" : ""}`
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
    const details = document.createElement("details")
    details.open = open.has(field.path)
    const summary = document.createElement("summary")
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
    const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean)
    const flat = wanted.length > 0 || model.picks
    const hits = model.fields.filter((field) => {
      const words = `${field.path} ${field.unit} ${field.description}`.toLowerCase()
      return wanted.every((word) => words.includes(word)) && !(model.picks && below.has(field.path))
    })
    count.textContent = wanted.length ? `${hits.length} found` : `${model.fields.length} fields`
    const roots = model.fields.filter((field) => !field.path.includes("."))
    tree.replaceChildren(...(flat ? hits.slice(0, 80).map((field) => leaf(field, field.path)) : roots.map(node)))
    if (!hits.length) { tree.append(cell("none", "No field has these words.")) }
  }
  const mark = () => {
    for (const box of tree.querySelectorAll("input")) {
      const above = parentOf(box.dataset.path)
      box.checked = model.chosen.includes(box.dataset.path) || !!above
      box.disabled = !!above
    }
    chosen.replaceChildren(...(model.picks ? [] : model.chosen).map((path) => {
      const item = document.createElement("li")
      const button = document.createElement("button")
      button.textContent = path
      button.setAttribute("aria-label", `Remove ${path}`)
      button.onclick = () => model.send_msg({path, on: false})
      item.append(button)
      return item
    }))
  }
  search.oninput = draw
  model.on("fields", () => { index(); draw(); mark() })
  model.on("chosen", mark)
  index()
  draw()
  mark()
  return root
}
