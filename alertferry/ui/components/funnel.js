// How many alerts each step leaves: {name, alerts, low, high}; alerts is null while nobody knows.
export function render({model}) {
  const root = document.createElement("div")
  const number = (value) => value.toLocaleString("en")
  const draw = () => {
    if (!model.steps.length) {
      const none = document.createElement("p")
      none.className = "none"
      none.textContent = model.empty
      return root.replaceChildren(none)
    }
    const most = Math.max(1, ...model.steps.map((step) => step.high ?? step.alerts ?? 0))
    const width = (value) => `${100 * Math.sqrt(value / most)}%`
    const list = document.createElement("dl")
    for (const step of model.steps) {
      const name = document.createElement("dt")
      name.textContent = step.name
      const bar = document.createElement("dd")
      bar.className = "bar"
      bar.setAttribute("aria-hidden", "true")
      for (const [kind, value] of [["most", step.high], ["", step.alerts]]) {
        if (value === null || value === undefined) { continue }
        const fill = document.createElement("i")
        fill.className = kind
        fill.style.width = width(value)
        bar.append(fill)
      }
      const count = document.createElement("dd")
      count.className = "count"
      count.textContent = step.alerts === null ? "…" : number(step.alerts)
      if (step.low !== undefined && step.low !== null && step.low !== step.high) {
        const range = document.createElement("small")
        range.textContent = `  ${number(step.low)} to ${number(step.high)}`
        count.append(range)
      }
      list.append(name, bar, count)
    }
    root.replaceChildren(list)
  }
  model.on("steps", draw)
  model.on("empty", draw)
  draw()
  return root
}
