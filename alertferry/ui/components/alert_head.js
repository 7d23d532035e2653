// What the alert is that is open. It is told to those who cannot see it, and comes into sight when another is opened.
export function render({model}) {
  const root = element("div")
  root.setAttribute("role", "status")
  const [title, facts] = [element("h2"), element("p", "soft")]
  root.append(title, facts)
  const draw = () => {
    title.textContent = model.title
    facts.textContent = model.facts
  }
  model.on("turn", () => {
    const box = root.getBoundingClientRect()
    if (box.top > innerHeight - 200 || box.top < 60) {
      const still = matchMedia("(prefers-reduced-motion: reduce)").matches
      root.scrollIntoView({block: "start", behavior: still ? "auto" : "smooth"})
    }
  })
  for (const name of ["title", "facts"]) { model.on(name, draw) }
  draw()
  return root
}
