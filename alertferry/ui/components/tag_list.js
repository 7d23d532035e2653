// Tags or blocks, searchable; each with what is asked of it in plain sight.
const CHOICES = [["any", "any"], ["with", "with"], ["one of", "one of"], ["without", "without"]]

export function render({model}) {
  const root = document.createElement("div")
  const top = document.createElement("div")
  top.className = "top"
  const search = document.createElement("input")
  search.className = "search"
  search.type = "search"
  search.placeholder = `Search ${model.what}s`
  search.setAttribute("aria-label", `Search ${model.what}s`)
  const count = document.createElement("span")
  count.className = "soft"
  count.setAttribute("role", "status")
  top.append(search, count)
  const list = document.createElement("ul")
  list.className = "list"
  root.append(top, list)
  const id = Math.random().toString(36).slice(2)

  const text = (className, words) => {
    const span = document.createElement("div")
    span.className = className
    span.textContent = words
    return span
  }
  const choices = (item) => {
    const group = document.createElement("div")
    group.className = "choices"
    group.setAttribute("role", "radiogroup")
    group.setAttribute("aria-label", item.name)
    for (const [value, label] of CHOICES) {
      const box = document.createElement("label")
      box.className = value.split(" ")[0]
      const input = document.createElement("input")
      input.type = "radio"
      input.name = `${id}-${item.name}`
      input.value = value
      input.checked = (model.choices[item.name] || "any") === value
      input.disabled = item.reason !== null && value !== "any" && !input.checked
      input.onchange = () => model.send_msg({name: item.name, choice: value})
      box.append(input, document.createTextNode(label))
      group.append(box)
    }
    return group
  }
  const row = (item) => {
    const line = document.createElement("li")
    const chosen = (model.choices[item.name] || "any") !== "any"
    line.className = `row${chosen ? " set" : ""}${item.reason === null ? "" : " off"}`
    line.dataset.name = item.name
    const words = document.createElement("div")
    words.className = "text"
    words.append(text("name", item.name), text("about", item.description))
    if (item.reason !== null) { words.append(text("why", `Unavailable: ${item.reason}`)) }
    line.append(words)
    if (item.reason === null || chosen) { line.append(choices(item)) }
    return line
  }
  const draw = () => {
    const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean)
    const found = model.items.filter((item) => {
      const words = `${item.name} ${item.description} ${model.choices[item.name] || ""}`.toLowerCase()
      return wanted.every((word) => words.includes(word))
    })
    const usable = model.items.filter((item) => item.reason === null).length
    count.textContent = wanted.length ? `${found.length} found` : `${usable} of ${model.items.length} can be used`
    list.replaceChildren(...found.map(row))
    if (!found.length) {
      const none = document.createElement("li")
      none.className = "none"
      none.textContent = model.items.length ? "Nothing has these words." : `There are no ${model.what}s for this survey.`
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
  search.oninput = draw
  model.on("items", draw)
  model.on("choices", mark)
  draw()
  return root
}
