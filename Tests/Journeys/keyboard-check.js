// Evaluated in a page by checks.py, while the Tab key is pressed: what can be reached, where the focus is, and whether it shows.
() => {
    // What a radio button stands in, and what a stretched link draws its frame with, may carry the frame for it.
    const frames = (element) => [
        getComputedStyle(element),
        getComputedStyle(element, "::after"),
        ...(element.closest("label") ? [getComputedStyle(element.closest("label"))] : []),
    ];
    const name = (element) => {
        const words = (element.textContent || element.getAttribute("aria-label") || element.name || "").trim().replace(/\s+/g, " ");
        return `<${element.tagName.toLowerCase()}> "${words.slice(0, 40)}"`;
    };
    const isSeen = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true });

    // Of the radio buttons of one name the Tab key stops at one: the chosen one, or else the first.
    const stopsAt = (element) => {
        if (element.type !== "radio") return true;
        const group = [...document.querySelectorAll("input[type=radio]")].filter((other) => other.name === element.name && other.form === element.form);
        return element === (group.find((other) => other.checked) || group[0]);
    };

    return {
        /** Everything that the Tab key has to stop at, in its order. */
        stops() {
            return [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]")].filter(
                (element) => !element.disabled && element.type !== "hidden" && element.tabIndex >= 0 && isSeen(element) && stopsAt(element),
            );
        },

        /** The next Tab begins at the top of the page, as on a page that has just come. */
        toTheTop() {
            document.body.tabIndex = -1;
            document.body.focus({ preventScroll: true });
            document.body.removeAttribute("tabindex");
        },

        /** Faults that show before a key is pressed. */
        begin() {
            this.wanted = this.stops();
            this.reached = [];
            this.before = document.activeElement;
            this.scrolled = [scrollX, scrollY];
            const faults = [...document.querySelectorAll("[tabindex]")]
                .filter((element) => element.tabIndex > 0)
                .map((element) => `takes the Tab key out of order: ${name(element)}`);
            this.toTheTop();
            return { faults, count: this.wanted.length };
        },

        /** After a Tab: what is wrong where the focus is now; null when it left the page, or is back at the first stop. */
        step() {
            const element = document.activeElement;
            if (!element || element === document.body) return null;
            const faults = [];
            if (this.reached.at(-1) === element && this.reached.length < this.wanted.length) {
                // A field for a date has several stops inside.
                if (/^(date|time)$/.test(element.type)) return faults;
                return [`holds the Tab key: ${name(element)}`];
            }
            if (element === this.reached[0]) return null;
            this.reached.push(element);
            const isFrame = (style) => parseFloat(style.outlineWidth) >= 2 && style.outlineStyle !== "none" && !/^rgba\(.*, 0\)$/.test(style.outlineColor);
            const shows = frames(element).some((style) => style.outlineStyle === "auto" || isFrame(style));
            if (!shows) faults.push(`the focus does not show: ${name(element)}`);
            const box = (element.closest("label") || element).getBoundingClientRect();
            const middle = document.elementFromPoint(box.x + box.width / 2, box.y + Math.min(box.height / 2, 20));
            const isThere = middle && (element.contains(middle) || middle.contains(element) || element.closest("label")?.contains(middle));
            if (!isThere) faults.push(`has the focus where nobody sees it: ${name(element)}`);
            return faults;
        },

        /** What was not reached; the page is left as it was. */
        end() {
            const faults = this.wanted.filter((element) => !this.reached.includes(element)).map((element) => `not reached with the Tab key: ${name(element)}`);
            const [first] = this.wanted;
            if (first && document.querySelector("body > header") && !first.matches("a[href^='#']")) faults.push(`the first stop is no way past the header: ${name(first)}`);
            if (this.before && this.before !== document.body) this.before.focus({ preventScroll: true });
            else this.toTheTop();
            scrollTo(...this.scrolled);
            return faults;
        },
    };
}
