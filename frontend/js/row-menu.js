// The menu of a row [data-row-menu]: made from the <template> that all rows of its kind share, when it is first wanted.
// The template names no device; where its data-stands-for-device stands, the value of the button is put.
import htmx from 'htmx.org/dist/htmx.esm.js'
import { closestTo } from './dom.js'

function nameDevice(element, nobody, device) {
  for (const { name, value } of [...element.attributes]) {
    if (value.includes(nobody)) element.setAttribute(name, value.replace(nobody, device))
  }
}

function makeMenu(button) {
  const template = document.getElementById(button.dataset.rowMenu)
  const menu = document.importNode(template.content, true).firstElementChild
  for (const element of menu.querySelectorAll('*')) nameDevice(element, template.dataset.standsForDevice, button.value)
  button.after(menu)
  htmx.process(menu)
}

// On the way down to the button: what opens the menu looks for it beside the button, and must find it there.
for (const name of ['click', 'keydown']) {
  window.addEventListener(
    name,
    (event) => {
      const button = closestTo(event, '[data-row-menu]')
      if (button && !button.nextElementSibling) makeMenu(button)
    },
    { capture: true },
  )
}
