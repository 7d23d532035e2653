// Files to save: {kind, label, note, disabled}. A click asks for one; once the server has it, the browser saves it.
export function render({model}) {
  const [root, row, said] = [element("div"), element("div", "row"), element("span", "soft said")]
  said.setAttribute("role", "status")
  root.append(row)
  row.append(said)
  const buttons = new Map()
  const labelOf = (kind) => (model.items.find((item) => item.kind === kind) || {}).label
  const draw = () => {
    for (const item of model.items) {
      if (!buttons.has(item.kind)) {
        const found = button("", (event) => {
          if (event.detail < 2 && !model.busy.includes(item.kind) && !found.classList.contains("busy")) {
            found.classList.add("busy")  // until the server says so
            model.send_msg({get: item.kind})
          }
        }, "button")  // the second of a double click asks for nothing: the first file may be there by then
        buttons.set(item.kind, found)
      }
      const found = buttons.get(item.kind)
      const busy = model.busy.includes(item.kind)
      found.classList.toggle("busy", busy)
      found.setAttribute("aria-busy", busy)
      found.disabled = !!item.disabled
      found.title = item.note || ""
      found.textContent = item.label
    }
    const shown = [...model.items.map((item) => buttons.get(item.kind)), said]
    if (shown.length !== row.children.length || shown.some((each, at) => each !== row.children[at])) { row.replaceChildren(...shown) }
    if (model.busy.length) { said.textContent = `Preparing ${model.busy.map(labelOf).join(", ")} … it is saved by itself.` }
    else if (said.textContent.startsWith("Preparing")) { said.textContent = "" }
  }
  model.on("msg:custom", (event) => {
    const file = event.data ?? event
    const link = element("a")
    link.href = new URL(file.save, document.baseURI)
    link.download = file.name
    document.body.append(link)
    link.click()
    link.remove()
    said.textContent = `Saved as ${file.name}`
  })
  for (const name of ["items", "busy"]) { model.on(name, draw) }
  draw()
  return root
}
