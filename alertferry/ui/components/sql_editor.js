// Conditions as text: colours, faults underlined at their place, fields completed while typing.
// Each alternative takes what it begins with up to its end, closed or not, so that nothing is looked at twice.
const LEXEMES = /(--[^\n]*)|('(?:[^'\\]|\\[^])*\\?'?|"(?:[^"\\]|\\[^])*\\?"?)|(\b\d[\w.]*)|\b(and|or|not|in|between|is|null|like|ilike|rlike|case|when|then|else|end|true|false|cast|as|exists)\b/gi

const COLOURED = 20000  // characters: more than a job may hold

export function render({model}) {
  const root = element("div")
  root.innerHTML = `<div class="box"><div class="layers"><pre aria-hidden="true"></pre>
    <textarea spellcheck="false" autocapitalize="off" autocomplete="off" aria-label="Conditions" aria-describedby="faults" role="combobox"
      aria-autocomplete="list" aria-expanded="false" aria-controls="popup"></textarea></div></div>
    <ul class="faults" id="faults" role="status"></ul>`
  const [pre, area, faults] = ["pre", "textarea", ".faults"].map((name) => root.querySelector(name))
  const layers = root.querySelector(".layers")
  area.placeholder = model.placeholder
  area.value = model.text
  let popup = null
  let timer = null
  let typedOf = model.of  // the filter that is typed for: the page may show another one before its text is sent

  const span = (className, words) => element("span", className, words)
  const classes = (text) => {
    const found = new Array(text.length).fill("")
    if (text.length > COLOURED) { return found }
    for (const match of text.matchAll(LEXEMES)) {
      const kind = match[1] ? "c" : match[2] ? "s" : match[3] ? "n" : "k"
      found.fill(kind, match.index, match.index + match[0].length)
    }
    for (const mark of model.marks) {
      const name = mark.note ? " note" : " fault"
      for (let at = mark.start; at < mark.start + mark.length && at < text.length; at++) {
        if (!found[at].includes(name)) { found[at] += name }
      }
    }
    return found
  }
  const paint = () => {
    const text = area.value
    const kinds = classes(text)
    const parts = []
    let from = 0
    for (let at = 1; at <= text.length; at++) {
      if (at === text.length || kinds[at] !== kinds[from]) {
        parts.push(span(kinds[from], text.slice(from, at)))
        from = at
      }
    }
    pre.replaceChildren(...parts, document.createTextNode("\n"))
  }
  const place = (mark) => {
    const before = area.value.slice(0, mark.start)
    const line = before.split("\n").length
    return `line ${line}, column ${mark.start - before.lastIndexOf("\n")}`
  }
  const tell = () => {
    const items = model.marks.map((mark) => {
      const item = element("li", mark.note ? "note" : "")
      const go = element("button", "", place(mark))
      go.onclick = () => { area.focus(); area.setSelectionRange(mark.start, mark.start + mark.length) }
      item.append(go, document.createTextNode(mark.message))
      return item
    })
    items.push(...model.others.map((fault) => element("li", "", fault)))
    const wrong = model.others.length > 0 || model.marks.some((mark) => !mark.note)
    if (!wrong && area.value.trim()) {
      const found = items.length ? `no fault found, ${items.length} note${items.length === 1 ? "" : "s"}` : "no fault found"
      items.push(element("li", "fine", model.count === 1 ? `1 condition, ${found}` : `${model.count} conditions, all must hold; ${found}`))
    }
    faults.replaceChildren(...items)
    area.setAttribute("aria-invalid", wrong)
  }
  const close = () => {
    popup?.remove()
    popup = null
    area.setAttribute("aria-expanded", "false")
    area.removeAttribute("aria-activedescendant")
  }
  const word = () => (area.value.slice(0, area.selectionStart).match(/[A-Za-z_][\w.]*$/) || [""])[0]
  const insert = (path, over) => {
    const end = area.selectionStart
    area.focus()
    area.setRangeText(path, end - over, area.selectionEnd, "end")
    close()
    typed(false)
  }
  const choose = (index) => {
    popup.dataset.at = index
    const items = [...popup.children]
    items.forEach((item, at) => item.setAttribute("aria-selected", at === index))
    items[index].scrollIntoView({block: "nearest"})
    area.setAttribute("aria-activedescendant", items[index].id)
  }
  const matches = (typedWord) => {
    const low = typedWord.toLowerCase()
    const rank = (path) => {
      const p = path.toLowerCase()
      if (p === low) { return -1 }
      if (p.startsWith(low)) { return 0 }
      const leaf = p.slice(p.lastIndexOf(".") + 1)
      return leaf.startsWith(low) ? 1 : low.length > 2 && p.includes(low) ? 2 : -1
    }
    return model.fields.map((field) => [rank(field[0]), field]).filter(([r]) => r >= 0)
      .sort((a, b) => a[0] - b[0]).slice(0, 40).map(([, field]) => field)
  }
  const complete = () => {
    close()
    const before = word()
    const found = before.length >= 2 ? matches(before) : []
    if (!found.length) { return }
    popup = element("ul", "popup")
    popup.id = "popup"
    popup.setAttribute("role", "listbox")
    popup.setAttribute("aria-label", "Fields")
    found.forEach(([path, type, unit], index) => {
      const item = element("li")
      item.id = `field-${index}`
      item.setAttribute("role", "option")
      item.append(span("mono", path), span("soft", [type, unit].filter(Boolean).join(" · ")))
      item.onmousedown = (event) => { event.preventDefault(); insert(path, before.length) }
      popup.append(item)
    })
    const marker = element("span")
    const copy = pre.cloneNode(false)
    copy.style.cssText = "position:absolute;visibility:hidden;inset:0"
    copy.textContent = area.value.slice(0, area.selectionStart)
    copy.append(marker)
    layers.append(copy)
    popup.style.left = `${Math.min(marker.offsetLeft, Math.max(0, layers.clientWidth - 300))}px`
    popup.style.top = `${marker.offsetTop + 24}px`
    copy.remove()
    layers.append(popup)
    area.setAttribute("aria-expanded", "true")
    choose(0)
  }
  const send = () => {
    clearTimeout(timer)
    timer = null
    model.send_msg({text: area.value, of: typedOf})
  }
  const typed = (asks = true) => {
    typedOf = model.of
    paint()
    if (asks) { complete() }
    clearTimeout(timer)
    timer = setTimeout(send, 120)
  }
  area.oninput = () => typed()
  area.onblur = () => {  // what is clicked next may take this editor off the page
    close()
    if (timer !== null) { send() }
  }
  area.onkeydown = (event) => {
    if (!popup) { return }
    const at = Number(popup.dataset.at)
    const count = popup.children.length
    const keys = {ArrowDown: () => choose((at + 1) % count), ArrowUp: () => choose((at + count - 1) % count), Escape: close}
    keys.Enter = keys.Tab = () => popup.children[at].onmousedown(event)
    if (keys[event.key]) { event.preventDefault(); keys[event.key]() }
  }
  // while somebody types, the page is ahead of what the server has heard
  const typing = () => area.getRootNode().activeElement === area
  model.on("text", () => { if (area.value !== model.text && (!typing() || typedOf !== model.of)) { area.value = model.text; paint(); tell() } })
  model.on("marks", () => { paint(); tell() })
  model.on("others", tell)
  model.on("count", tell)
  model.on("msg:custom", (event) => {
    const gap = area.selectionStart > 0 && /[\w)\]]$/.test(area.value.slice(0, area.selectionStart)) ? "\n" : ""
    insert(gap + (event.data ?? event).insert, 0)
  })
  paint()
  tell()
  return root
}
