// One of a few: {value, label, about, side, badge}. As buttons in a line, or as cards with a sentence each.
export function render({model}) {
  const set = element("fieldset")
  const id = Math.random().toString(36).slice(2)
  const span = (name, words) => element("span", name, words)
  const option = (item) => {
    const label = element("label")
    const input = element("input")
    input.type = "radio"
    input.name = id
    input.value = item.value
    input.checked = item.value === model.value
    input.setAttribute("aria-label", [item.label, item.badge ? `${item.badge} chosen` : ""].filter(Boolean).join(", "))
    input.onchange = () => model.send_msg({value: item.value})
    label.append(input)
    if (model.cards) { label.append(span("dot", "")) }
    label.append(span("name", item.label))
    if (item.badge) { label.append(span("badge", item.badge)) }
    if (item.about) { label.append(span("about", item.about)) }
    if (item.side) { label.append(span("side", item.side)) }
    return label
  }
  const draw = () => {
    const focused = set.getRootNode().activeElement?.value
    set.className = model.cards ? "set cards" : "set"
    const legend = element("legend", "sr", model.label)
    set.replaceChildren(legend, ...model.items.map(option))
    if (focused) { set.querySelector(`input[value="${focused}"]`)?.focus() }
  }
  for (const name of ["items", "value", "label"]) { model.on(name, draw) }
  draw()
  return set
}
