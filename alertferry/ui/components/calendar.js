// The nights that have data, a month a grid. Click or space: one night; with shift: all nights from the last one on.
const NAMES = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"]
const pad = (number) => String(number).padStart(2, "0")

export function render({model}) {
  const root = element("div")
  const tools = element("div", "tools")
  const months = element("div", "months")
  root.append(tools, months)
  let last = null
  let focus = null
  const send = (nights, on) => model.send_msg({nights, on})
  const press = (night, on, shift) => {
    const all = Object.keys(model.counts)
    const [a, b] = [all.indexOf(shift && last ? last : night), all.indexOf(night)].sort((x, y) => x - y)
    last = focus = night
    send(all.slice(a, b + 1), on)
  }
  const move = (event, night) => {
    const step = {ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7}[event.key]
    const all = [...months.querySelectorAll("button.day")]
    if (!step || !all.length) { return }
    event.preventDefault()
    const target = new Date(Date.parse(night) + step * 86400e3).toISOString().slice(0, 10)
    const at = all.findIndex((day) => day.dataset.night === night)
    const exact = all.find((day) => day.dataset.night === target)
    const next = exact || all[Math.min(all.length - 1, Math.max(0, at + Math.sign(step)))]
    next.focus()
  }
  const cell = (night, number, chosen, most) => {
    const count = model.counts[night]
    if (count === undefined) {
      return element("span", "day", number)
    }
    const day = element("button", "day")
    day.dataset.night = night
    day.textContent = number
    day.style.setProperty("--share", `${6 + 26 * count / most}%`)
    day.setAttribute("aria-pressed", chosen.has(night))
    const said = count === null ? "cannot be read" : `${count.toLocaleString("en")} alerts`
    day.classList.toggle("unread", count === null)
    day.setAttribute("aria-label", `${night}, ${said}`)
    day.title = `${night}: ${said}`
    day.onclick = (event) => press(night, !chosen.has(night), event.shiftKey)
    day.onkeydown = (event) => move(event, night)
    return day
  }
  const month = (key, chosen, most) => {
    const [year, number] = key.split("-").map(Number)
    const box = element("section", "month")
    const title = element("h3", "", `${NAMES[number - 1]} ${year}`)
    const nights = Object.keys(model.counts).filter((night) => night.startsWith(key))
    const every = nights.every((night) => chosen.has(night))
    const all = button(every ? "none" : "all", () => send(nights, !every))
    all.setAttribute("aria-label", `${every ? "no night" : "all nights"} of ${NAMES[number - 1]} ${year}`)
    title.append(all)
    const grid = element("div", "grid")
    for (const day of ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"]) {
      const head = element("span", "head")
      head.setAttribute("aria-hidden", "true")
      head.textContent = day
      grid.append(head)
    }
    const before = (new Date(Date.UTC(year, number - 1, 1)).getUTCDay() + 6) % 7
    for (let blank = 0; blank < before; blank++) { grid.append(element("span")) }
    const days = new Date(Date.UTC(year, number, 0)).getUTCDate()
    for (let day = 1; day <= days; day++) { grid.append(cell(`${key}-${pad(day)}`, day, chosen, most)) }
    box.append(title, grid)
    return box
  }
  const draw = () => {
    const nights = Object.keys(model.counts)
    const chosen = new Set(model.chosen)
    const most = Math.max(1, ...Object.values(model.counts))
    const held = nights.filter((night) => chosen.has(night))
    const note = element("span", "soft", `${held.length} of ${nights.length} nights`)
    tools.replaceChildren(
      button("All nights", () => send(nights, true)),
      button("Newest night", () => { send(nights, false); send(nights.slice(-1), true) }),
      button("Clear", () => send(nights, false)),
      note,
    )
    const keys = [...new Set(nights.map((night) => night.slice(0, 7)))]
    const scroll = months.scrollTop
    months.classList.toggle("many", keys.length > 8)
    months.replaceChildren(...keys.map((key) => month(key, chosen, most)))
    months.scrollTop = scroll
    if (focus) { months.querySelector(`[data-night="${focus}"]`)?.focus(); focus = null }
  }
  model.on("counts", draw)
  model.on("chosen", draw)
  draw()
  return root
}
