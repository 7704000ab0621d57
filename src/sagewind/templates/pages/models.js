// Airflow has a theme of its own: look like the window around the frame, whatever the system prefers.
if (parent !== window) {
  const dark = parent.document.documentElement.classList.contains("dark")
  document.documentElement.style.colorScheme = dark ? "dark" : "light"
}

// Airflow's frame may not leave itself: have Airflow's own window follow the links that lead out of it.
addEventListener("click", event => {
  const link = event.target.closest("a[target=_top]")
  if (!link || parent === window) return
  event.preventDefault()
  const twin = parent.document.createElement("a")
  twin.href = link.href
  if (event.ctrlKey || event.metaKey) twin.target = "_blank"
  twin.click()
})
