// The bar that is always in sight: how many alerts, how many bytes, back and on.
export function render({model}) {
  const bar = element("footer", "bar")
  bar.innerHTML = `<div class="inner">
    <button class="button back"></button>
    <div class="gauges" role="status" aria-live="polite" aria-atomic="true">
      <div class="gauge alerts"><b></b><span class="what">alerts</span><span class="note"></span></div>
      <div class="gauge size"><b></b><span class="what"></span><span class="note"></span></div>
    </div>
    <div class="on"><button class="button also"></button><button class="button main next"></button></div></div>`
  const part = (name) => bar.querySelector(name)
  let shown = ""  // the step whose labels the buttons have: a second click of a double one is not for the next step
  const button = (name, label) => {
    const found = part(`.${name}`)
    found.textContent = label
    found.style.visibility = label ? "visible" : "hidden"
    found.hidden = !label && name === "also"
    found.onclick = () => model.send_msg({press: name, step: shown})
  }
  const draw = () => {
    shown = model.step
    button("back", model.back)
    button("next", model.next)
    button("also", model.also)
    part(".next").disabled = model.next_disabled
    part(".also").disabled = model.also_disabled
    part(".alerts b").textContent = model.alerts
    part(".alerts .note").textContent = model.alerts_note
    part(".size b").textContent = model.size_text.split(" ")[0]
    part(".size .what").textContent = model.size_text.split(" ")[1] || ""
    part(".size .note").textContent = model.size_note
    part(".alerts").classList.toggle("busy", model.busy)
    part(".gauges").setAttribute("aria-busy", model.busy)
  }
  for (const name of ["step", "back", "next", "next_disabled", "also", "also_disabled", "alerts", "alerts_note", "size_text", "size_note", "busy"]) {
    model.on(name, draw)
  }
  draw()
  return bar
}
