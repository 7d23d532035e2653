// Text to read, copy or download: a job file, a command, a log.
export function render({model}) {
  const box = element("div", "box")
  const fold = element("details")
  const open = element("summary")
  box.innerHTML = `<div class="head"><b></b><button class="button small copy">Copy</button><button class="button small save">Download</button></div><pre tabindex="0"></pre>`
  const [title, copy, save, pre] = ["b", ".copy", ".save", "pre"].map((name) => box.querySelector(name))
  const draw = () => {
    const atEnd = pre.scrollTop + pre.clientHeight >= pre.scrollHeight - 8
    title.textContent = model.title
    pre.textContent = model.text
    pre.dataset.empty = model.empty
    pre.classList.toggle("wrap", model.wrap)
    pre.setAttribute("role", "region")
    pre.setAttribute("aria-label", model.title)
    copy.setAttribute("aria-label", `Copy: ${model.title}`)
    save.setAttribute("aria-label", `Download: ${model.title}`)
    save.hidden = !model.filename
    open.textContent = model.folded
    if (model.follow && atEnd) { pre.scrollTop = pre.scrollHeight }
  }
  copy.onclick = async () => {
    try {
      await navigator.clipboard.writeText(model.text)
    } catch {
      const range = document.createRange()
      range.selectNodeContents(pre)
      getSelection().removeAllRanges()
      getSelection().addRange(range)
      document.execCommand("copy")
    }
    copy.textContent = "Copied"
    setTimeout(() => { copy.textContent = "Copy" }, 1500)
  }
  save.onclick = () => {
    const link = element("a")
    link.href = URL.createObjectURL(new Blob([model.text], {type: "text/plain"}))
    link.download = model.filename
    link.click()
    setTimeout(() => URL.revokeObjectURL(link.href), 1000)
  }
  for (const name of ["title", "text", "filename", "empty", "wrap"]) { model.on(name, draw) }
  draw()
  if (!model.folded) { return box }
  fold.ontoggle = () => model.send_msg({open: fold.open})
  fold.append(open, box)
  return fold
}
