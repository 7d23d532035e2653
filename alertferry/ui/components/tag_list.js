// Tags, blocks or classes, searchable; each with what is asked of it in plain sight.
const LABELS = {any: "ignore", with: "require", "one of": "one of", without: "exclude"}

export function render({model}) {
  const root = element("div")
  const search = searchBar(`Search ${model.what}`)
  const list = element("ul", "list")
  root.append(search.top, list)
  const id = Math.random().toString(36).slice(2)

  const text = (className, words) => element("div", className, words)
  const choices = (item) => {
    const group = element("div", "choices")
    group.setAttribute("role", "radiogroup")
    group.setAttribute("aria-label", item.name)
    for (const value of model.offers) {
      const box = element("label", value.split(" ")[0])
      const input = element("input")
      input.type = "radio"
      input.name = `${id}-${item.name}`
      input.value = value
      input.checked = (model.choices[item.name] || "any") === value
      input.disabled = item.reason !== null && value !== "any" && !input.checked
      input.onchange = () => model.send_msg({name: item.name, choice: value})
      box.append(input, document.createTextNode(LABELS[value]))
      group.append(box)
    }
    return group
  }
  const row = (item) => {
    const line = element("li")
    const chosen = (model.choices[item.name] || "any") !== "any"
    line.className = `row${chosen ? " set" : ""}${item.reason === null ? "" : " off"}`
    line.dataset.name = item.name
    const words = element("div", "text")
    words.append(text("name", item.name), text("about", item.description))
    if (item.reason !== null) { words.append(text("why", `Unavailable: ${item.reason}`)) }
    line.append(words)
    if (item.reason === null || chosen) { line.append(choices(item)) }
    return line
  }
  const draw = () => {
    const found = model.items.filter((item) => search.finds(`${item.name} ${item.description} ${LABELS[model.choices[item.name]] || ""}`))
    const usable = model.items.filter((item) => item.reason === null).length
    search.count.textContent = search.asked() ? `${found.length} found` : `${usable} of ${model.items.length} can be used`
    list.replaceChildren(...found.map(row))
    if (!found.length) {
      const none = element("li", "none", model.items.length ? "Nothing has these words." : `There are no ${model.what} for this survey.`)
      list.append(none)
    }
  }
  const mark = () => {
    for (const line of list.querySelectorAll(".row")) {
      const choice = model.choices[line.dataset.name] || "any"
      line.classList.toggle("set", choice !== "any")
      for (const input of line.querySelectorAll("input")) { input.checked = input.value === choice }
    }
  }
  search.input.oninput = draw
  model.on("items", unpressed(draw))
  model.on("choices", mark)
  draw()
  return root
}
