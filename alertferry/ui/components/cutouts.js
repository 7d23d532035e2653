// Images of an alert, drawn here from their pixels: {name, width, height, pixels}. What is chosen holds for all of them.
const SCALES = [["99.5", "99.5 %"], ["99", "99 %"], ["95", "95 %"], ["90", "90 %"], ["100", "All"]]
const STRETCHES = [["linear", "Linear"], ["asinh", "Asinh"], ["sqrt", "Square root"], ["log", "Logarithm"]]
const CURVES = {
  linear: (x) => x,
  asinh: (x) => Math.asinh(10 * x) / Math.asinh(10),
  sqrt: Math.sqrt,
  log: (x) => Math.log1p(1000 * x) / Math.log1p(1000),
}
const pixelsOf = (text) => {
  const bytes = Uint8Array.from(atob(text), (each) => each.charCodeAt(0))
  return new Float32Array(bytes.buffer)
}
const limitsOf = (pixels, percent) => {
  const known = Float32Array.from(pixels.filter(Number.isFinite)).sort()
  if (!known.length) { return [0, 1] }
  const cut = (100 - percent) / 200
  const at = (share) => known[Math.min(known.length - 1, Math.max(0, Math.round(share * (known.length - 1))))]
  return [at(cut), at(1 - cut)]
}

export function render({model}) {
  const root = element("div")
  const [tools, row, said] = [element("div", "tools"), element("div", "row"), element("p", "soft value")]
  const choice = (label, options) => {
    const [box, select] = [element("label", "choice"), element("select")]
    for (const [value, words] of options) {
      const option = element("option", "", words)
      option.value = value
      select.append(option)
    }
    select.onchange = () => paint()
    box.append(element("span", "", label), select)
    tools.append(box)
    return select
  }
  const [scale, stretch] = [choice("Scale", SCALES), choice("Stretch", STRETCHES)]
  root.append(tools, row, said)
  let shown = []
  const draw = () => {
    shown = model.images.map((image) => {
      const [figure, canvas] = [element("figure"), element("canvas")]
      const pixels = pixelsOf(image.pixels)
      canvas.width = image.width
      canvas.height = image.height
      canvas.setAttribute("role", "img")
      canvas.setAttribute("aria-label", `${image.name} cutout, ${image.width} by ${image.height} pixels. ${model.label}`)
      canvas.onpointermove = (event) => {
        const box = canvas.getBoundingClientRect()
        const x = Math.min(image.width - 1, Math.floor((event.clientX - box.left) / box.width * image.width))
        const y = Math.min(image.height - 1, image.height - 1 - Math.floor((event.clientY - box.top) / box.height * image.height))
        said.textContent = `${image.name}, pixel ${x + 1}, ${y + 1}: ${Number(pixels[y * image.width + x]).toPrecision(5)}`
      }
      canvas.onpointerleave = () => { said.textContent = "" }
      figure.append(canvas, element("figcaption", "", image.name))
      return {canvas, pixels, image, figure}
    })
    row.replaceChildren(...shown.map((each) => each.figure))
    paint()
  }
  const paint = () => {
    for (const {canvas, pixels, image} of shown) {
      const [low, high] = limitsOf(pixels, Number(scale.value))
      const drawn = new ImageData(image.width, image.height)
      for (let y = 0; y < image.height; y += 1) {
        for (let x = 0; x < image.width; x += 1) {
          const value = pixels[y * image.width + x]
          const at = 4 * ((image.height - 1 - y) * image.width + x)
          const share = Math.min(1, Math.max(0, (value - low) / (high > low ? high - low : 1)))
          const grey = 255 * CURVES[stretch.value](share)
          drawn.data[at] = drawn.data[at + 1] = drawn.data[at + 2] = grey
          drawn.data[at + 3] = Number.isFinite(value) ? 255 : 0
        }
      }
      canvas.getContext("2d").putImageData(drawn, 0, 0)
    }
  }
  for (const name of ["images", "label"]) { model.on(name, draw) }
  draw()
  return root
}
