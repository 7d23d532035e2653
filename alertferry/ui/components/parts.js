// What all controls share; it stands before each of them. Text is set as text, never as markup.
const element = (tag, className = "", text = "") => {
  const found = document.createElement(tag)
  if (className) { found.className = className }
  if (text !== "") { found.textContent = text }
  return found
}
const button = (label, press, className = "button small") => {
  const found = element("button", className, label)
  found.onclick = press
  return found
}
// A browser makes a click of a press only where what was pressed is still there when it is let go: drawing waits for that.
const pressed = (() => {
  const now = window.alertferryPress ||= {on: false}
  if (!now.heard) {
    now.heard = true
    window.addEventListener("pointerdown", () => { now.on = true }, true)
    for (const end of ["pointerup", "pointercancel"]) { window.addEventListener(end, () => { now.on = false }, true) }
    window.addEventListener("blur", () => { now.on = false })  // of the window: those of elements do not rise to it
  }
  return now
})()
const unpressed = (draw) => {
  let waits = false
  const later = () => {
    if (pressed.on) { return setTimeout(later, 20) }
    waits = false
    draw()
  }
  return () => {
    if (!pressed.on && !waits) { return draw() }
    if (!waits) { waits = true; setTimeout(later, 20) }
  }
}
const wordsOf = (text) => text.toLowerCase().split(/\s+/).filter(Boolean)
const searchBar = (label) => {
  const [top, input, count] = [element("div", "top"), element("input", "search"), element("span", "soft")]
  input.type = "search"
  input.placeholder = label
  input.setAttribute("aria-label", label)
  count.setAttribute("role", "status")
  top.append(input, count)
  const finds = (text) => wordsOf(input.value).every((word) => text.toLowerCase().includes(word))
  return {top, input, count, finds, asked: () => wordsOf(input.value).length > 0}
}
