// Options as entries, made from what the server says of each. What is chosen is sent at once, what is typed after a
// moment's rest, or when its entry or the page is left.
const REST_MS = 400

export function render({model}) {
  const root = element("div")
  const main = element("div", "entries")
  const details = element("details")
  const rest = element("div", "entries")
  details.append(element("summary", "", "More options"), rest)
  root.append(main, details)
  const id = Math.random().toString(36).slice(2)
  let parts = new Map()  // what stays keeps its elements: neither focus nor text is lost to an answer
  const leave = () => { for (const part of parts.values()) { part.say?.() } }
  window.addEventListener("pagehide", leave)
  model.on("remove", () => window.removeEventListener("pagehide", leave))

  const send = (path, text) => model.send_msg({of: model.of, path, text})
  const value = (path) => model.values[path] ?? ""
  const ticks = (entry, about) => {
    const set = element("fieldset", "ticks")
    set.setAttribute("aria-describedby", about)
    set.append(element("legend", "label", entry.label))
    const list = element("div", "list")
    const fill = (text) => {
      const chosen = text.split("\n").filter(Boolean)
      const known = entry.choices.map(([token]) => token)
      const items = [...entry.choices, ...chosen.filter((token) => !known.includes(token)).map((token) => [token, token])]
      list.replaceChildren(...items.map(([token, label]) => {
        const line = element("label", "tick")
        const box = element("input")
        box.type = "checkbox"
        box.checked = chosen.includes(token)
        box.onchange = () => {
          const now = value(entry.path).split("\n").filter((each) => each && each !== token)
          send(entry.path, [...now, ...(box.checked ? [token] : [])].join("\n"))
        }
        line.append(box, document.createTextNode(label))
        return line
      }))
      if (!items.length) { list.append(element("span", "soft", "none to choose from yet")) }
    }
    set.append(list)
    return {node: set, target: set, fill}
  }
  const chooser = (entry) => {
    const input = element("select", "search")
    const fill = (text) => {
      const known = entry.choices.some(([token]) => token === text)
      const items = known ? entry.choices : [...entry.choices, [text, text || "choose one"]]
      input.replaceChildren(...items.map(([token, label]) => Object.assign(element("option", "", label), {value: token})))
      input.value = text
    }
    input.onchange = () => send(entry.path, input.value)
    return {target: input, fill}
  }
  const toggle = (entry) => {
    const input = element("input")
    input.type = "checkbox"
    input.onchange = () => send(entry.path, String(input.checked))
    return {target: input, fill: (text) => { input.checked = text === "true" }}
  }
  const typed = (entry) => {
    const long = entry.kind === "lines" || entry.kind === "value"
    const input = element(long ? "textarea" : "input", `search${entry.kind === "value" ? " mono" : ""}`)
    if (long) { input.rows = 3 } else { input.type = "text" }
    input.placeholder = entry.hint
    input.spellcheck = false
    let sent = ""    // what the server has of it
    let latest = ""  // what the draft says of it, which may be written in another way
    let touched = false
    let timer = null
    const say = () => {
      clearTimeout(timer)
      if (touched && input.value !== sent) {
        sent = input.value
        latest = null  // not known before the answer
        send(entry.path, sent)
      }
    }
    input.oninput = () => { touched = true; clearTimeout(timer); timer = setTimeout(say, REST_MS) }
    input.onchange = say
    input.onblur = () => {
      say()
      touched = false
      if (latest !== null) { sent = input.value = latest }
    }
    const fill = (text, afresh) => {
      latest = text
      if (touched && !afresh) { return }  // it is being typed in: the page is ahead of what the server has heard
      clearTimeout(timer)
      touched = false
      sent = input.value = text
    }
    return {target: input, fill, say}
  }
  const make = (entry, index) => {
    const about = element("p", "about", entry.about)
    about.id = `${id}-${index}-about`
    const maker = {choice: chooser, switch: toggle}[entry.kind] || typed
    const part = entry.kind === "ticks" ? ticks(entry, about.id) : maker(entry)
    if (!part.node) {
      part.node = element("div")
      const label = element("label", "label", entry.label)
      label.htmlFor = part.target.id = `${id}-${index}`
      if (entry.required) { part.target.setAttribute("aria-required", "true") }
      if (entry.about) { part.target.setAttribute("aria-describedby", about.id) }
      part.node.append(...(entry.kind === "switch" ? [part.target, label] : [label, part.target]))
    }
    part.node.classList.add("entry", entry.kind)
    if (entry.about) { part.node.append(about) }
    return part
  }
  let shownOf = null
  const fill = () => {
    const afresh = shownOf !== model.of
    shownOf = model.of
    for (const [path, part] of parts) { part.fill(value(path), afresh) }
  }
  const mark = () => {
    for (const [path, part] of parts) {
      const wrong = model.faults.includes(path)
      part.target.setAttribute("aria-invalid", wrong)
      part.node.classList.toggle("bad", wrong)
      if (wrong && rest.contains(part.node)) { details.open = true }
    }
  }
  const put = (box, nodes) => {
    if (nodes.length !== box.children.length || nodes.some((node, at) => node !== box.children[at])) { box.replaceChildren(...nodes) }
  }
  const draw = () => {
    if (model.entries.length > 1) {
      root.setAttribute("role", "group")
      root.setAttribute("aria-label", model.label)
    }
    parts = new Map(model.entries.map((entry, index) => {
      const text = JSON.stringify([entry, index])
      const before = parts.get(entry.path)
      return [entry.path, before?.text === text ? before : {...make(entry, index), text, more: entry.more}]
    }))
    const found = [...parts.values()]
    put(main, found.filter((part) => !part.more).map((part) => part.node))
    put(rest, found.filter((part) => part.more).map((part) => part.node))
    details.hidden = !rest.children.length
    if ([...parts].some(([path, part]) => part.more && value(path) !== "")) { details.open = true }
    fill()
    mark()
  }
  for (const name of ["entries", "label"]) { model.on(name, draw) }
  for (const name of ["of", "values"]) { model.on(name, fill) }
  model.on("faults", mark)
  draw()
  return root
}
