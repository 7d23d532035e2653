// The nights that have data, newest first, a month a grid. Click or space: one night; with shift: all from the last on.
const NAMES = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"]
const pad = (number) => String(number).padStart(2, "0")

export function render({model}) {
  const root = element("div")
  const tools = element("div", "tools")
  const months = element("div", "months")
  const note = element("span", "soft")
  note.setAttribute("role", "status")
  root.append(tools, months)
  // what is pressed shows at once; what the server says counts again when it has heard of the newest press
  let chosen = new Set(model.chosen)
  let turn = model.turn
  let last = null
  let nights = []
  const days = new Map()
  const wholes = []  // buttons of months and years with the nights that they stand for
  const send = (message) => model.send_msg({...message, turn: ++turn})
  const set = (changed, on) => {
    for (const night of changed) { on ? chosen.add(night) : chosen.delete(night) }
    mark()
    send({nights: changed, on})
  }
  const only = (wanted) => {
    chosen = new Set(wanted)
    last = null
    mark()
    send({only: wanted})
  }
  const press = (night, shift) => {
    const [a, b] = [nights.indexOf(shift && last ? last : night), nights.indexOf(night)].sort((x, y) => x - y)
    last = night
    set(nights.slice(a, b + 1), shift || !chosen.has(night))  // with shift, all between are taken
  }
  const rove = (night) => {  // all nights are one stop of the Tab key, and arrow keys move among them
    for (const [key, day] of days) { day.tabIndex = key === night ? 0 : -1 }
  }
  const move = (event, night) => {
    const step = {ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7}[event.key]
    if (!step) { return }
    event.preventDefault()
    const target = new Date(Date.parse(night) + step * 86400e3).toISOString().slice(0, 10)
    const later = nights.filter((each) => step > 0 ? each > night : each < night)
    const next = days.has(target) ? target : later.at(step > 0 ? 0 : -1)
    if (next) {
      const folded = days.get(next).closest("details")
      if (folded) { folded.open = true }
      rove(next)
      days.get(next).focus()
    }
  }
  const cell = (night, number, most) => {
    const count = model.counts[night]
    if (count === undefined) { return element("span", "day", number) }
    const day = button(number, (event) => press(night, event.shiftKey), "day")
    day.dataset.night = night
    day.style.setProperty("--share", `${6 + 26 * count / most}%`)
    const said = count === null ? "cannot be read" : `${count.toLocaleString("en")} alerts`
    day.classList.toggle("unread", count === null)
    day.setAttribute("aria-label", `${night}, ${said}`)
    day.title = `${night}: ${said}`
    day.onkeydown = (event) => move(event, night)
    day.onfocus = () => rove(night)
    days.set(night, day)
    return day
  }
  const whole = (name, held) => {
    const all = button("all", () => set(held, !held.every((night) => chosen.has(night))))
    wholes.push([all, name, held])
    return all
  }
  const month = (key, most) => {
    const [year, number] = key.split("-").map(Number)
    const name = `${NAMES[number - 1]} ${year}`
    const box = element("section", "month")
    const title = element("h3", "", name)
    title.append(whole(name, nights.filter((night) => night.startsWith(key))))
    const grid = element("div", "grid")
    for (const day of ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"]) {
      const head = element("span", "head", day)
      head.setAttribute("aria-hidden", "true")
      grid.append(head)
    }
    const before = (new Date(Date.UTC(year, number - 1, 1)).getUTCDay() + 6) % 7
    for (let blank = 0; blank < before; blank++) { grid.append(element("span")) }
    const length = new Date(Date.UTC(year, number, 0)).getUTCDate()
    for (let day = 1; day <= length; day++) { grid.append(cell(`${key}-${pad(day)}`, day, most)) }
    box.append(title, grid)
    return box
  }
  const years = (keys, most) => [...new Set(keys.map((key) => key.slice(0, 4)))].map((year, index) => {
    const box = element("details", "year")
    const head = element("summary", "", year)
    const held = nights.filter((night) => night.startsWith(year))
    const line = element("div", "tools")
    line.append(whole(year, held), element("span", "soft", `${held.length} nights`))
    const inside = element("div", "inside")
    inside.append(...keys.filter((key) => key.startsWith(year)).map((key) => month(key, most)))
    box.open = index === 0
    box.append(head, line, inside)
    return box
  })
  const mark = () => {
    for (const [night, day] of days) { day.setAttribute("aria-pressed", chosen.has(night)) }
    for (const [all, name, held] of wholes) {
      const every = held.every((night) => chosen.has(night))
      all.textContent = every ? "none" : "all"
      all.setAttribute("aria-label", `${every ? "no night" : "all nights"} of ${name}`)
    }
    note.textContent = `${nights.filter((night) => chosen.has(night)).length} of ${nights.length} nights`
  }
  const draw = () => {
    const focused = root.getRootNode().activeElement
    const held = [...days].find(([, day]) => day === focused)?.[0]
    nights = Object.keys(model.counts).sort()
    days.clear()
    wholes.length = 0
    const most = nights.reduce((found, night) => Math.max(found, model.counts[night]), 1)
    const lasts = [7, 30].filter((number) => nights.length > number)
    tools.replaceChildren(
      button("All nights", () => set(nights, true)),
      button("Newest night", () => only(nights.slice(-1))),
      ...lasts.map((number) => button(`Last ${number}`, () => only(nights.slice(-number)))),
      button("Clear", () => only([])),
      note,
    )
    const keys = [...new Set(nights.map((night) => night.slice(0, 7)))].reverse()
    const several = nights.length && nights[0].slice(0, 4) !== nights.at(-1).slice(0, 4)
    months.classList.toggle("folded", several)
    months.replaceChildren(...several ? years(keys, most) : keys.map((key) => month(key, most)))
    rove(held && days.has(held) ? held : nights.at(-1))
    mark()
    if (held) { days.get(held)?.focus() }
  }
  const heard = () => {
    if (model.turn === turn) {
      chosen = new Set(model.chosen)
      mark()
    }
  }
  model.on("counts", unpressed(draw))
  model.on("chosen", heard)
  model.on("turn", heard)
  draw()
  return root
}
