// The menu button: hides the side menu (remembered), or on a small screen brings it in over the page.
import { closestTo } from './dom.js'

const root = document.documentElement
const small = window.matchMedia('(width < 992px)')

function remember(state) {
  try {
    localStorage.setItem('meterkeys.menu', state)
  } catch {
    // Storage can be forbidden: the choice then holds for this page.
  }
}

function isOpen() {
  return small.matches ? root.dataset.drawer === 'open' : root.dataset.menu !== 'closed'
}

function showState(button) {
  button.setAttribute('aria-expanded', String(isOpen()))
  document.querySelector('.content')?.toggleAttribute('inert', small.matches && isOpen())
}

function setDrawer(button, open) {
  if (open) root.dataset.drawer = 'open'
  else delete root.dataset.drawer
  showState(button)
  if (!open) button.focus()
}

function toggle(button) {
  if (small.matches) return setDrawer(button, !isOpen())
  root.dataset.menu = isOpen() ? 'closed' : 'open'
  remember(root.dataset.menu)
  showState(button)
}

const button = document.querySelector('[data-menu-toggle]')
if (button) {
  showState(button)
  small.addEventListener('change', () => {
    delete root.dataset.drawer
    showState(button)
  })
  button.addEventListener('click', () => toggle(button))
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && root.dataset.drawer) setDrawer(button, false)
  })
  document.addEventListener('click', (event) => {
    if (closestTo(event, '[data-menu-backdrop]')) setDrawer(button, false)
  })
}
