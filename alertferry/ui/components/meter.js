// How far a job is: a title, a bar (share is null while nobody knows), and facts in words.
export function render({model}) {
  const root = element("div")
  root.innerHTML = `<div class="line"><b role="status"></b><span class="soft"></span></div><div class="track"><i></i></div><dl class="facts"></dl>`
  const draw = () => {
    root.className = `gauges ${model.state}`
    root.querySelector("b").textContent = model.title
    root.querySelector(".soft").textContent = model.note
    const track = root.querySelector(".track")
    track.hidden = model.state === ""
    track.classList.toggle("wait", model.share === null)
    track.setAttribute("role", "progressbar")
    track.setAttribute("aria-label", model.title || "Progress")
    track.setAttribute("aria-valuemin", 0)
    track.setAttribute("aria-valuemax", 100)
    if (model.share === null) { track.removeAttribute("aria-valuenow") } else { track.setAttribute("aria-valuenow", Math.round(100 * model.share)) }
    track.firstChild.style.width = `${100 * (model.share ?? 0)}%`
    root.querySelector("dl").replaceChildren(...model.facts.map(([name, value]) => {
      const box = element("div")
      box.append(element("dt", "", name), element("dd", "", value))
      return box
    }))
  }
  for (const name of ["state", "title", "note", "share", "facts"]) { model.on(name, draw) }
  draw()
  return root
}
