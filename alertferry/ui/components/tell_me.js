// Whether this browser tells of the end of jobs: asked for by a press only, and kept in the browser.
export function render({model}) {
  const box = element("div", "tell")
  const able = "Notification" in window && isSecureContext
  const on = () => able && Notification.permission === "granted" && localStorage.getItem("alertferry-tell") === "true"
  const press = async () => {
    const wanted = !on()
    if (wanted && Notification.permission === "default") { await Notification.requestPermission() }
    localStorage.setItem("alertferry-tell", wanted && Notification.permission === "granted")
    draw()
  }
  const act = button("", press, "button")
  const note = element("span", "soft")
  note.setAttribute("role", "status")
  box.append(act, note)
  const draw = () => {
    const refused = able && Notification.permission === "denied"
    act.hidden = !able || refused
    act.textContent = on() ? "✓ You will be told when it ends" : "Tell me when it ends"
    act.setAttribute("aria-pressed", on())
    note.textContent = refused ? "Your browser shows no messages of this page; the title of the page tells when the job ends." : ""
  }
  draw()
  return box
}
