// What a user sees of the page at this moment: every control that can be used, and what the page says of itself.
() => {
  const up = (node) => node.assignedSlot || node.parentElement || node.getRootNode().host
  const words = (node) => (node?.innerText ?? "").trim().replace(/\s+/g, " ").slice(0, 90)
  const seen = (node) => {
    const box = node.getBoundingClientRect()
    return box.width > 0 && box.height > 0 && node.checkVisibility({visibilityProperty: true})
  }
  const group = (node) => {
    for (let at = up(node); at; at = up(at)) {
      if (at.tagName === "FOOTER") { return "bar" }
      const name = at.tagName === "FIELDSET" ? at.querySelector("legend")?.textContent : at.getAttribute("aria-label")
      if (name && (at.tagName === "FIELDSET" || at.tagName === "NAV" || at.hasAttribute("role") || at.tagName === "UL")) { return name }
    }
    return ""
  }
  const state = {
    url: location.href, title: document.title, h1: "", step: "", page: "", errors: [], notes: [], marks: {}, code: {}, bar: {},
    listed: [], empty: false, ticked: [], lost: false, controls: [], busy: false,
  }
  window.seenControls = []
  const opened = (root) => {
    for (const node of root.querySelectorAll("*")) {
      const found = node.matches("dialog:modal") ? node : node.shadowRoot && opened(node.shadowRoot)
      if (found) { return found }
    }
  }
  const modal = opened(document)  // nothing else can be used while it is there
  const barred = (node) => {
    for (let at = node; at; at = up(at)) { if (at === modal) { return false } }
    return !!modal
  }
  const focused = (node) => node.getRootNode().activeElement === node
  const control = (node) => {
    const tag = node.tagName.toLowerCase()
    const role = node.getAttribute("role") || ""
    const type = tag === "input" ? node.type : role || tag
    const ticks = type === "radio" || type === "checkbox"
    const target = ticks ? node.closest("label") || node : node
    if (type === "file" ? !seen(node.closest("label") || node) : !seen(target)) { return }
    if (barred(node) || node.disabled || node.readOnly || node.getAttribute("aria-disabled") === "true" || node.getAttribute("aria-hidden") === "true") { return }
    if (up(node)?.closest?.("[aria-hidden=true]")) { return }
    const id = node.id && node.getRootNode().querySelector(`label[for="${CSS.escape(node.id)}"]`)
    const label = node.getAttribute("aria-label") || words(id) || words(node.closest("label")) || words(node) || node.placeholder || node.title || ""
    window.seenControls.push(target.tagName === "LABEL" && type !== "file" ? target : node)
    state.controls.push({
      type, label, group: group(node), value: node.value ?? "", day: node.dataset.night || "",
      on: ticks ? node.checked : node.getAttribute("aria-pressed") === "true", invalid: node.getAttribute("aria-invalid") === "true",
      focused: focused(node), main: node.classList.contains("next") || node.classList.contains("back"), text: words(node),
    })
  }
  const walk = (root) => {
    for (const node of root.querySelectorAll("*")) {
      if (node.shadowRoot) { walk(node.shadowRoot) }
      if (node.matches("button, a[href]:not([target=_blank]), input, textarea, select, summary, [role=option], [role=combobox]")) { control(node) }
      if (node.matches(".lost")) { state.lost = true }
      if (!node.matches("h1, .tone-error, .say, pre[role=region], .faults li, [aria-current], footer.bar, nav ol button, table, .chosen li, li.row, .drop b, .jobs > .frame > .none, #loader")) { continue }
      if (!seen(node)) { continue }
      const text = words(node)
      if (node.matches("#loader")) { state.busy = true }
      else if (node.matches(".none")) { state.empty = text !== "Looking …" }
      else if (node.matches("h1")) { state.h1 = text }
      else if (node.matches(".tone-error")) { state.errors.push(text) }
      else if (node.matches(".faults li") && !node.matches(".note, .fine")) { state.errors.push(text) }
      else if (node.matches(".say")) { state.notes.push(text) }
      else if (node.matches("pre[role=region]")) { state.code[node.getAttribute("aria-label")] = node.textContent }
      else if (node.matches(".chosen li")) { state.ticked.push(text) }
      else if (node.matches("footer.bar")) {
        const next = node.querySelector(".next")
        state.bar = {next: next.textContent, open: !next.disabled && next.style.visibility !== "hidden", alerts: words(node.querySelector(".alerts b"))}
      } else if (node.matches("table") && group(node) === "Jobs") {
        for (const row of node.tBodies[0]?.rows ?? []) { state.listed.push([...row.cells].slice(0, 2).map(words)) }
      }
      if (node.matches("[aria-current=step]")) { state.step = node.dataset.name }
      if (node.matches("[aria-current=page]")) { state.page = text }
      if (node.matches("nav ol button")) { state.marks[node.dataset.name] = node.getAttribute("aria-label").includes("has problems") }
    }
  }
  walk(document)
  return state
}
