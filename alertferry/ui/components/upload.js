// Sends a file to the server's own address for uploads, which counts the bytes; nothing of it passes through the session.
export function render({model}) {
  const drop = element("div", "drop")
  drop.innerHTML = `<div class="words"><b></b><div class="soft"></div><progress hidden max="1" aria-label="Upload"></progress><div class="bad" role="alert"></div></div>
    <label class="button"><span></span><input type="file"></label>`
  const [title, hint, bar, bad, input] = ["b", ".soft", "progress", ".bad", "input"].map((name) => drop.querySelector(name))
  const draw = () => {
    title.textContent = model.file || model.title
    hint.textContent = model.hint
    drop.querySelector("label span").textContent = model.file ? "Replace" : "Choose a file"
    input.setAttribute("aria-label", model.title)
    input.accept = model.accept
    bad.textContent = model.fault
  }
  const size = (bytes) => bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`
  const fail = (words) => { bar.hidden = true; bad.textContent = words }
  const send = (file) => {
    if (!file) { return }
    bad.textContent = ""
    if (file.size > model.max_bytes) { return fail(`This file has ${size(file.size)}; at most ${size(model.max_bytes)} are taken.`) }
    const request = new XMLHttpRequest()
    request.open("PUT", new URL(`upload/${model.ticket}`, document.baseURI))
    request.setRequestHeader("X-File-Name", encodeURIComponent(file.name))
    request.upload.onprogress = (event) => { bar.hidden = false; bar.value = event.loaded / event.total }
    request.onerror = () => fail("The upload broke off. Check the connection and try again.")
    request.onload = () => {
      bar.hidden = true
      let answer = {}
      try { answer = JSON.parse(request.responseText) } catch { /* said below */ }
      if (request.status !== 200) { return fail(answer.error || `The server refused the file (${request.status}).`) }
      model.send_msg({file: answer.id})
    }
    request.send(file)
  }
  input.onchange = () => { send(input.files[0]); input.value = "" }
  drop.ondragover = (event) => { event.preventDefault(); drop.classList.add("over") }
  drop.ondragleave = () => drop.classList.remove("over")
  drop.ondrop = (event) => { event.preventDefault(); drop.classList.remove("over"); send(event.dataTransfer.files[0]) }
  for (const name of ["title", "file", "hint", "fault", "accept"]) { model.on(name, draw) }
  draw()
  return drop
}
