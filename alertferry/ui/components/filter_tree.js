// All filters in their order: those of a group stand below it. What can be done with each is beside it.
const ACTS = {edit: ["Edit", "Edit"], not: ["Negate", "Negate"], up: ["↑", "Move up"], down: ["↓", "Move down"], remove: ["Remove", "Remove"]}

export function render({model}) {
  const root = element("div")
  const list = element("ol", "list")
  list.setAttribute("aria-label", "All filters")
  const adding = element("div", "adding")
  root.append(list, adding)
  let parts = new Map()  // what stays keeps its elements

  const chooser = (label, first, items, send) => {
    const select = element("select", "button small")
    select.setAttribute("aria-label", label)
    const options = first ? [{value: "", label: first}, ...items] : items
    select.append(...options.map((item) => Object.assign(element("option", "", item.label), {value: item.value})))
    select.onchange = () => {
      if (select.value) { send(select.value) }
      if (first) { select.value = "" }
    }
    return select
  }
  const make = (row) => {
    const line = element("li")
    const [number, words, title, about, tools] = [element("span", "number"), element("div", "words"), element("span", "title"), element("span", "about"), element("div", "tools")]
    const acts = Object.fromEntries(Object.entries(ACTS).map(([act, [sign]]) => [act, button(sign, () => model.send_msg({act, place: row.place}))]))
    const group = chooser("How the group joins its filters", "", model.groups, (value) => model.send_msg({group: value, place: row.place}))
    const add = chooser("Add a filter to this group", "Add to it …", model.kinds.filter((kind) => kind.inner), (value) => model.send_msg({add: value, place: row.place}))
    words.append(title, group, about)
    tools.append(add, ...Object.values(acts))
    line.append(number, words, tools)
    return {line, number, title, about, acts, group, add}
  }
  const fill = (part, row) => {
    part.line.className = `row${row.fault ? " bad" : ""}`
    part.line.style.setProperty("--depth", row.depth)
    part.number.textContent = row.number
    part.title.textContent = row.group ? "Group:" : row.title
    part.about.textContent = row.about
    part.group.hidden = part.add.hidden = !row.group
    if (row.group) { part.group.value = row.group }
    for (const [act, each] of Object.entries(part.acts)) {
      each.hidden = act === "edit" && !!row.group
      each.disabled = !row.acts.includes(act)
      each.setAttribute("aria-label", `${ACTS[act][1]}: ${row.number} ${row.title}`)
      each.title = ACTS[act][1]
    }
  }
  const draw = () => {
    parts = new Map(model.rows.map((row) => [row.place, parts.get(row.place) || make(row)]))
    for (const row of model.rows) { fill(parts.get(row.place), row) }
    const lines = [...parts.values()].map((part) => part.line)
    if (!lines.length) { lines.push(element("li", "none", "No filter yet: every alert of the chosen nights is taken.")) }
    if (lines.length !== list.children.length || lines.some((line, at) => line !== list.children[at])) { list.replaceChildren(...lines) }
  }
  const follow = () => {  // the focus goes with what was moved
    const [act, place] = model.at.split(" ")
    const target = parts.get(place)?.acts[act]
    if (target && list.contains(target)) { target.disabled ? parts.get(place).acts[act === "up" ? "down" : "up"].focus() : target.focus() }
  }
  const offer = () => {
    parts = new Map()
    adding.replaceChildren(chooser("Add a filter", "Add a filter …", model.kinds, (value) => model.send_msg({add: value, place: ""})))
    draw()
  }
  for (const name of ["kinds", "groups"]) { model.on(name, offer) }
  model.on("rows", draw)
  model.on("at", follow)
  offer()
  return root
}
