// The theme chosen earlier, before anything is painted. Without a choice the system's holds.
try {
  const theme = localStorage.getItem("bitdial-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage may be switched off.
}
