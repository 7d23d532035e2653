// The list of jobs. What is searched, filtered and sorted stays in the browser; rows keep their elements from one
// answer of the server to the next, so that no press and no focus is lost. Everything is set as text.
const COLUMNS = [
  ["name", "Job"], ["state", "State"], ["alerts", "Alerts", "right"], ["size", "Size", "right"],
  ["submitted", "Submitted"], ["expires", "Expires"],
]
const STATES = [["", "All"], ["active", "Under way"], ["complete", "Complete"], ["failed", "Failed"], ["cancelled", "Cancelled"]]
const UNDER_WAY = ["queued", "starting", "running"]
const ORDER = [...UNDER_WAY, "failed", "cancelled", "complete"]

const whenOf = (seconds) => new Date(1000 * seconds).toISOString().slice(0, 16).replace("T", " ")
const expiryOf = (job) => {
  if (job.expired) { return "expired" }
  if (!job.expires) { return "–" }
  const hours = (1000 * job.expires - Date.now()) / 3.6e6
  const some = (count, unit) => `in ${count} ${unit}${count === 1 ? "" : "s"}`
  return hours <= 0 ? "expired" : hours < 48 ? some(Math.max(1, Math.round(hours)), "hour") : some(Math.round(hours / 24), "day")
}

export function render({model}) {
  const root = element("div", "jobs")
  const {top, input, count, finds, asked} = searchBar("Search jobs by name, nights, conditions, topic")
  const [states, surveys] = [element("div", "chips"), element("div", "chips")]
  states.setAttribute("role", "group")
  states.setAttribute("aria-label", "State")
  surveys.setAttribute("role", "group")
  surveys.setAttribute("aria-label", "Survey")
  const filters = element("div", "filters")
  filters.append(states, surveys)
  const everybody = element("label", "check")
  const tick = element("input")
  tick.type = "checkbox"
  tick.onchange = () => model.send_msg({everybody: tick.checked})
  everybody.append(tick, "Jobs of all users")
  filters.append(everybody)
  const frame = element("div", "frame")
  frame.tabIndex = 0
  frame.setAttribute("role", "region")
  frame.setAttribute("aria-label", "Jobs")
  const table = element("table")
  const head = table.createTHead().insertRow()
  const body = table.createTBody()
  const [none, note] = [element("div", "none"), element("p", "soft note")]
  frame.append(table, none)
  root.append(top, filters, frame, note)

  let [state, survey, key, down] = ["", "", "submitted", true]
  const heads = new Map(COLUMNS.map(([name, title, side]) => {
    const cell = element("th", side || "")
    cell.scope = "col"
    const sort = button(title, () => {
      down = key === name ? !down : name !== "name"
      key = name
      show()
    }, "sort")
    sort.setAttribute("aria-label", title)  // without the arrow
    cell.append(sort)
    head.append(cell)
    return [name, cell]
  }))

  const rows = new Map()
  const makeRow = (id) => {
    const line = element("tr")
    const open = button("", () => model.send_msg({action: "Open", key: id}), "open")
    const [name, plain, asks, meta, acts] = [element("td", "name"), element("b"), element("div", "asks"), element("div", "meta soft"), element("div", "acts")]
    name.append(open, plain, asks, meta, acts)
    const cells = Object.fromEntries(COLUMNS.slice(1).map(([column, title, side]) => {
      const cell = element("td", side || "")
      cell.dataset.title = title
      return [column, cell]
    }))
    const [sign, bar, said] = [element("span"), element("div", "bar"), element("div", "meta soft")]
    bar.append(element("i"))
    bar.setAttribute("role", "progressbar")
    bar.setAttribute("aria-valuemin", 0)
    bar.setAttribute("aria-valuemax", 100)
    cells.state.append(sign, bar, said)
    line.append(name, ...Object.values(cells))
    return {line, open, plain, asks, meta, acts, cells, sign, bar, said, buttons: new Map()}
  }
  const set = (node, text) => { if (node.textContent !== text) { node.textContent = text } }
  const fillRow = (row, job) => {
    const opens = job.actions.includes("Open")
    const called = job.called
    row.open.hidden = !opens
    row.plain.hidden = opens
    set(row.open, opens ? job.name : "")
    set(row.plain, opens ? "" : job.name)
    row.open.setAttribute("aria-label", `Open: ${called}`)
    set(row.asks, job.asks)
    set(row.meta, [job.survey, job.short, job.owner].filter(Boolean).join(" · "))
    row.sign.className = `state ${job.state}`
    set(row.sign, job.state)
    row.bar.hidden = job.share === null || job.share === undefined
    if (!row.bar.hidden) {
      row.bar.firstChild.style.width = `${100 * job.share}%`
      row.bar.setAttribute("aria-valuenow", Math.round(100 * job.share))
      row.bar.setAttribute("aria-label", `Progress: ${called}`)
    }
    set(row.said, job.said || "")
    row.said.title = job.said || ""
    set(row.cells.alerts, job.alerts === null ? "–" : job.alerts.toLocaleString("en"))
    set(row.cells.size, job.size_text)
    set(row.cells.submitted, whenOf(job.submitted))
    row.cells.submitted.title = "UTC"
    set(row.cells.expires, expiryOf(job))
    row.cells.expires.title = job.expires ? `${whenOf(job.expires)} UTC` : ""
    const wanted = job.actions.filter((action) => action !== "Open")
    for (const action of wanted) {
      if (!row.buttons.has(action)) {
        row.buttons.set(action, button(action, () => model.send_msg({action, key: job.key})))
      }
      row.buttons.get(action).setAttribute("aria-label", `${action}: ${called}`)
    }
    const acts = wanted.map((action) => row.buttons.get(action))
    if (acts.length !== row.acts.children.length || acts.some((each, index) => each !== row.acts.children[index])) {
      row.acts.replaceChildren(...acts)
    }
  }

  const chip = (value, label, chosen, press) => {
    const found = button(label, () => press(value), "chip")
    found.dataset.value = value
    found.setAttribute("aria-pressed", chosen === value)
    return found
  }
  const fillChips = (box, wanted, chosen, press) => {
    const kept = new Map([...box.children].map((each) => [each.dataset.value, each]))
    const found = wanted.map(([value, label]) => kept.get(value) || chip(value, label, chosen, press))
    wanted.forEach(([value, label], index) => {
      set(found[index], label)
      found[index].setAttribute("aria-pressed", chosen === value)
    })
    if (found.length !== box.children.length || found.some((each, index) => each !== box.children[index])) {
      box.replaceChildren(...found)
    }
  }

  const inState = (job, wanted) => !wanted || (wanted === "active" ? UNDER_WAY.includes(job.state) : job.state === wanted)
  const valueOf = (job) => key === "state" ? ORDER.indexOf(job.state) : key === "name" ? job.name.toLowerCase() : job[key]
  const compare = (a, b) => {
    const [one, other] = [valueOf(a), valueOf(b)]
    if (one === null || other === null) { return (one === null) - (other === null) }  // what is not known comes last
    return (one < other ? -1 : one > other ? 1 : 0) * (down ? -1 : 1) || b.submitted - a.submitted
  }
  const show = () => {
    const jobs = model.jobs.map((job) => ({...job, ...model.live[job.key]}))
    const kinds = [...new Set(jobs.map((job) => job.survey))].sort()
    if (survey && !kinds.includes(survey)) { survey = "" }
    fillChips(states, STATES.map(([value, label]) => [value, value ? `${label} ${jobs.filter((job) => inState(job, value)).length}` : label]), state, (value) => { state = value; show() })
    fillChips(surveys, [["", "All surveys"], ...kinds.map((kind) => [kind, kind])], survey, (value) => { survey = value; show() })
    surveys.hidden = kinds.length < 2
    everybody.hidden = !model.admin
    tick.checked = model.everybody
    for (const [name, cell] of heads) {
      if (name === key) { cell.setAttribute("aria-sort", down ? "descending" : "ascending") } else { cell.removeAttribute("aria-sort") }
    }
    const shown = jobs.filter((job) => inState(job, state) && (!survey || job.survey === survey) && finds(job.text)).sort(compare)
    const lines = shown.map((job) => {
      if (!rows.has(job.key)) { rows.set(job.key, makeRow(job.key)) }
      const row = rows.get(job.key)
      fillRow(row, job)
      return row.line
    })
    const kept = new Set(jobs.map((job) => job.key))
    for (const id of rows.keys()) { if (!kept.has(id)) { rows.delete(id) } }
    if (lines.length !== body.rows.length || lines.some((line, index) => line !== body.rows[index])) {
      const root = body.getRootNode(), held = root.activeElement
      body.replaceChildren(...lines)
      if (held && held.isConnected && root.activeElement !== held) { held.focus({preventScroll: true}) }
    }
    table.hidden = !shown.length
    none.hidden = !!shown.length
    set(none, !model.loaded ? "Looking …" : jobs.length ? "No job is like that." : "No job yet. Make a request; it will be listed here.")
    const narrowed = asked() || state || survey
    set(count, model.loaded ? (narrowed ? `${shown.length} of ${jobs.length} jobs` : `${jobs.length} job${jobs.length === 1 ? "" : "s"}`) : "")
    set(note, model.note)
    note.hidden = !model.note
  }
  input.oninput = show
  let waits = false
  const soon = () => {
    if (!waits) { queueMicrotask(() => { waits = false; show() }) }
    waits = true
  }
  for (const name of ["jobs", "live", "note", "loaded", "admin", "everybody"]) { model.on(name, soon) }
  const timer = setInterval(() => root.isConnected ? show() : clearInterval(timer), 60_000)
  show()
  return root
}
