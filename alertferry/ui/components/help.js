// Help beside the heading of a step: a word that opens to some sentences, for which everything else makes room.
export function render({model}) {
  const details = element("details")
  const draw = () => {
    const [summary, text, links] = [element("summary", "", model.title), element("div", "text"), element("div", "links")]
    links.append(button(model.more, () => model.send_msg({go: "help"})))
    if (model.docs) {
      const docs = element("a", "button small", "Documentation")
      docs.href = model.docs
      docs.target = "_blank"
      docs.rel = "noopener"
      links.append(docs)
    }
    text.append(...model.lines.map((line) => element("p", "", line)), links)
    details.replaceChildren(summary, text)
  }
  details.ontoggle = () => details.getRootNode().host.classList.toggle("open", details.open)
  for (const name of ["title", "lines", "more", "docs"]) { model.on(name, unpressed(draw)) }
  draw()
  return details
}
