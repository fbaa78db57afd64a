// Shows and serves "Save as a text file". The codes never leave the browser: the file is made here.
for (const button of document.querySelectorAll("[data-save]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const lines = [button.dataset.intro, "", ...Array.from(document.querySelectorAll(".codes li"), (item) => item.textContent), ""];
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([lines.join("\r\n")], { type: "text/plain" }));
    link.download = button.dataset.save;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
}
