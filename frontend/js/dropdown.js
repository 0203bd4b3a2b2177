// Menus behind a button (data-bs-toggle="dropdown"): arrow keys, Escape, and never cut off by a scrolling table.
import Dropdown from '@tabler/core/js/src/bootstrap/dropdown'

const EDGE = { name: 'preventOverflow', options: { padding: 8 } }

Dropdown.Default.popperConfig = (config) => ({ ...config, strategy: 'fixed', modifiers: [...config.modifiers, EDGE] })
