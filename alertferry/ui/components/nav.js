// The pages of the dashboard, and who is signed in.
export function render({model, view}) {
  const nav = element("nav")
  nav.setAttribute("aria-label", "Pages")
  const draw = () => {
    const items = model.items.map(([name, label]) => {
      const item = button(label, () => model.send_msg({go: name}), "item")
      if (name === model.active) { item.setAttribute("aria-current", "page") }
      return item
    })
    if (model.user) {
      const user = element("span", "user", model.user)
      const out = element("a", "item")
      out.href = new URL("logout", document.baseURI)
      out.textContent = "Sign out"
      items.push(user, out)
    }
    nav.replaceChildren(...items)
  }
  for (const name of ["items", "active", "user"]) { model.on(name, unpressed(draw)) }
  // light or dark: what was chosen here before, else what the system prefers
  const system = matchMedia("(prefers-color-scheme: dark)").matches
  const kept = localStorage.getItem("alertferry-dark")
  const wanted = kept === null ? system : kept === "true"
  const ground = () => getComputedStyle(document.documentElement).getPropertyValue("--mui-palette-background-default")
  const drawn = ground()
  const show = (frames) => {  // once the other colours are there, which takes the page some frames
    if (ground() !== drawn || frames === 0) { document.documentElement.classList.remove("waits-dark") }
    else { requestAnimationFrame(() => show(frames - 1)) }
  }
  const ask = (left) => {  // the page may not listen yet while it is being drawn
    if (wanted === model.dark || left === 0) {
      show(60)
      return
    }
    model.send_msg({dark: wanted})
    setTimeout(() => ask(left - 1), 500)
  }
  setTimeout(() => ask(10), 0)
  model.on("dark", () => {
    show(60)
    if (model.dark === system) { localStorage.removeItem("alertferry-dark") } else { localStorage.setItem("alertferry-dark", model.dark) }
  })
  // BokehJS takes models that the server sent for its own until it has sent anything, and sends them back whole when
  // they are touched first ("reference already known"). All models of this page are the server's.
  const page = view.model.document
  if (page) {
    const patch = page.create_json_patch.bind(page)
    page.create_json_patch = (events) => {
      page._new_models?.clear()
      return patch(events)
    }
  }
  // each view is an entry of the browser's history; what the server says of an earlier one comes too late for it
  let moves = 0
  const follow = () => {
    const [search, replaces, seen] = model.address
    if (!search || seen !== moves || search === location.search) { return }
    history[replaces ? "replaceState" : "pushState"](null, "", search)
  }
  const moved = () => {
    moves += 1
    tell(10)
  }
  const tell = (left) => {  // the page may not listen yet while it is being drawn
    if (model.address[2] === moves || left === 0) { return }
    model.send_msg({address: location.search.slice(0, 2000), moves})
    setTimeout(() => tell(left - 1), 1000)
  }
  model.on("address", follow)
  const entitle = () => { if (model.title) { document.title = model.title } }
  model.on("title", entitle)
  model.on("news", () => {
    const [id, title, body] = model.news
    if (!id || localStorage.getItem("alertferry-tell") !== "true" || window.Notification?.permission !== "granted") { return }
    try {
      const note = new Notification(title, {body, tag: id})
      note.onclick = () => {
        window.focus()
        note.close()
      }
    } catch {  // browsers of telephones take them from elsewhere only
    }
  })
  window.addEventListener("popstate", moved)
  // who went back before this page stood is elsewhere than where the server was asked for
  if (location.search === window.askedAddress) { follow() } else { setTimeout(moved, 0) }
  entitle()
  // a page that has lost its server says so, and is loaded again from its address as soon as the server answers;
  // until then nothing can be chosen, as nobody would hear of it
  const lost = element("dialog", "lost", "The connection to the server is lost. What you chose is kept; this page comes back by itself.")
  lost.setAttribute("role", "alertdialog")
  lost.setAttribute("aria-label", "Connection lost")
  lost.oncancel = (event) => event.preventDefault()
  const come = async () => {
    const answer = await fetch(new URL("liveness", document.baseURI), {cache: "no-store"}).catch(() => null)
    answer?.ok ? location.reload() : setTimeout(come, 1000)
  }
  page?.on_event("connection_lost", () => {
    if (lost.isConnected) { return }
    nav.getRootNode().append(lost)
    lost.showModal()
    setTimeout(come, 1000)
  })
  draw()
  return nav
}
