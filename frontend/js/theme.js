// Loaded in the head, before anything is painted: the chosen theme and the state of the side menu.
// The server writes the choice into <html data-theme-choice>; "auto" follows the device.
const root = document.documentElement
const device = window.matchMedia('(prefers-color-scheme: dark)')

function applyTheme() {
  const choice = root.dataset.themeChoice
  const dark = choice === 'dark' || (choice !== 'light' && device.matches)
  root.dataset.bsTheme = dark ? 'dark' : 'light'
}

function applyMenu() {
  try {
    if (localStorage.getItem('meterkeys.menu') === 'closed') root.dataset.menu = 'closed'
  } catch {
    // Storage can be forbidden: the menu is then open on every page.
  }
}

applyTheme()
applyMenu()
device.addEventListener('change', applyTheme)
