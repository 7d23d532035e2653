// Where the user is in the wizard: done, at fault, now, to come. Clicking goes there.
export function render({model}) {
  const nav = element("nav")
  nav.setAttribute("aria-label", "Steps")
  const list = element("ol")
  const where = element("p", "where")
  nav.append(list, where)
  const signs = {done: "✓", fault: "!"}
  const draw = () => {
    const focused = list.getRootNode().activeElement?.dataset?.name
    list.replaceChildren(...model.steps.map((step, index) => {
      const item = element("li")
      const now = step.name === model.active
      item.className = `${step.state}${now ? " now" : ""}`
      const button = element("button")
      button.dataset.name = step.name
      button.disabled = step.disabled
      if (now) { button.setAttribute("aria-current", "step") }
      const dot = element("span", "dot", signs[step.state] && !(now && step.state === "done") ? signs[step.state] : index + 1)
      dot.setAttribute("aria-hidden", "true")
      const state = element("span", "sr", {done: "complete", fault: "has problems"}[step.state] || "")
      button.setAttribute("aria-label", [step.label, state.textContent].filter(Boolean).join(", "))
      button.append(dot, element("span", "label", step.label))
      button.onclick = () => model.send_msg({go: step.name})
      item.append(button)
      if (now) { where.textContent = `Step ${index + 1} of ${model.steps.length}: ${step.label}` }
      return item
    }))
    if (focused) { list.querySelector(`[data-name="${focused}"]`)?.focus() }
  }
  model.on("steps", unpressed(draw))
  model.on("active", unpressed(draw))
  draw()
  return nav
}
