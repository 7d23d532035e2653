// How many alerts each step leaves: {name, alerts, low, high}; alerts is null while nobody knows.
export function render({model}) {
  const root = element("div")
  const number = (value) => value.toLocaleString("en")
  const draw = () => {
    if (!model.steps.length) {
      return root.replaceChildren(element("p", "none", model.empty))
    }
    const most = Math.max(1, ...model.steps.map((step) => step.high ?? step.alerts ?? 0))
    const width = (value) => `${100 * Math.sqrt(value / most)}%`
    const list = element("dl")
    for (const step of model.steps) {
      const name = element("dt", "", step.name)
      const bar = element("dd", "bar")
      bar.setAttribute("aria-hidden", "true")
      for (const [kind, value] of [["most", step.high], ["", step.alerts]]) {
        if (value === null || value === undefined) { continue }
        const fill = element("i", kind)
        fill.style.width = width(value)
        bar.append(fill)
      }
      const count = element("dd", "count", step.alerts === null ? "…" : number(step.alerts))
      if (step.low !== undefined && step.low !== null && step.low !== step.high) {
        count.append(element("small", "", `  ${number(step.low)} to ${number(step.high)}`))
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
