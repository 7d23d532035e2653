// What all controls share; it stands before each of them. Text is set as text, never as markup.
const element = (tag, className = "", text = "") => {
  const found = document.createElement(tag)
  if (className) { found.className = className }
  if (text !== "") { found.textContent = text }
  return found
}
const button = (label, press, className = "button small") => {
  const found = element("button", className, label)
  found.onclick = press
  return found
}
const wordsOf = (text) => text.toLowerCase().split(/\s+/).filter(Boolean)
const searchBar = (label) => {
  const [top, input, count] = [element("div", "top"), element("input", "search"), element("span", "soft")]
  input.type = "search"
  input.placeholder = label
  input.setAttribute("aria-label", label)
  count.setAttribute("role", "status")
  top.append(input, count)
  const finds = (text) => wordsOf(input.value).every((word) => text.toLowerCase().includes(word))
  return {top, input, count, finds, asked: () => wordsOf(input.value).length > 0}
}
