// One of a few: {value, label, about, side, badge}. As buttons in a line, or as cards with a sentence each.
export function render({model}) {
  const set = element("fieldset")
  const legend = element("legend", "sr")
  const id = Math.random().toString(36).slice(2)
  let options = new Map()  // what stays keeps its elements: a press or the focus must not be lost to an answer
  const option = (item) => {
    const label = element("label")
    const input = element("input")
    input.type = "radio"
    input.name = id
    input.value = item.value
    input.onchange = () => model.send_msg({value: item.value})
    const texts = element("span", "texts")
    label.append(input, texts)
    return {label, input, texts}
  }
  const fill = ({label, input, texts}, item) => {
    label.classList.toggle("bad", !!item.fault)
    input.checked = item.value === model.value
    input.setAttribute("aria-label", [item.label, item.badge ? `${item.badge} chosen` : "", item.fault ? "has problems" : ""].filter(Boolean).join(", "))
    const words = ["name", "badge", "about", "side"].map((part) => [part, part === "name" ? item.label : item[part]])
    const found = words.filter(([, text]) => text).map(([part, text]) => element("span", part, text))
    if (model.cards) { found.unshift(element("span", "dot")) }
    texts.replaceChildren(...found)
  }
  const draw = () => {
    set.className = model.cards ? "set cards" : "set"
    legend.textContent = model.label
    options = new Map(model.items.map((item) => [item.value, options.get(item.value) || option(item)]))
    for (const item of model.items) { fill(options.get(item.value), item) }
    const wanted = [legend, ...[...options.values()].map((each) => each.label)]
    if (wanted.length !== set.children.length || wanted.some((each, index) => each !== set.children[index])) {
      set.replaceChildren(...wanted)
    }
  }
  for (const name of ["items", "value", "label"]) { model.on(name, unpressed(draw)) }
  draw()
  return set
}
