//! Plots as SVG: a few lines of text are all that is needed of one.

/// A series of points, one colour.
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
    /// Whether the points are joined.
    pub(crate) joined: bool,
}

/// A plot with a logarithmic vertical axis.
pub(crate) struct Plot<'a> {
    pub(crate) title: &'a str,
    pub(crate) across: &'a str,
    pub(crate) up: &'a str,
    /// Whether the horizontal axis is logarithmic too; 0 stands at its left end.
    pub(crate) logarithmic: bool,
    pub(crate) series: Vec<Series>,
}

const WIDTH: f64 = 840.0;
const HEIGHT: f64 = 460.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 190.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 60.0;
/// Colours that most people can tell apart (Okabe and Ito).
const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];

/// One axis: from values to a place between 0 and 1.
struct Axis {
    from: f64,
    to: f64,
    logarithmic: bool,
}

impl Axis {
    fn over(values: impl Iterator<Item = f64> + Clone, logarithmic: bool) -> Self {
        let low = values.clone().fold(f64::INFINITY, f64::min);
        let high = values.fold(f64::NEG_INFINITY, f64::max);
        if !logarithmic {
            return Self { from: low.min(0.0), to: high.max(low + 1.0), logarithmic };
        }
        let (from, to) = (low.max(1.0).log10().floor(), high.max(10.0).log10().ceil());
        Self { from, to: to.max(from + 1.0), logarithmic }
    }

    fn at(&self, value: f64) -> f64 {
        let value = if self.logarithmic { value.max(1.0).log10() } else { value };
        (value - self.from) / (self.to - self.from)
    }

    fn ticks(&self) -> Vec<f64> {
        if self.logarithmic {
            let mut ticks = Vec::new();
            let mut tick = self.from;
            while tick <= self.to {
                ticks.push(10f64.powf(tick));
                tick += 1.0;
            }
            return ticks;
        }
        (0..=8u8).map(|eighth| self.from + (self.to - self.from) * f64::from(eighth) / 8.0).collect()
    }
}

impl Plot<'_> {
    /// The whole file.
    pub(crate) fn svg(&self) -> String {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let across = Axis::over(points().map(|point| point.0), self.logarithmic);
        let up = Axis::over(points().map(|point| point.1), true);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
             font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        );
        svg += &text(WIDTH / 2.0, 22.0, "middle", self.title);
        svg += &text((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 16.0, "middle", self.across);
        svg += &format!(
            "<text x=\"18\" y=\"{}\" text-anchor=\"middle\" transform=\"rotate(-90 18 {0})\">{}</text>\n",
            HEIGHT / 2.0,
            self.up
        );
        svg += &grid(&across, &up);
        for (series, colour) in self.series.iter().zip(COLOURS.iter().cycle()) {
            svg += &drawn(series, colour, &across, &up);
        }
        for (number, (series, colour)) in (0u8..).zip(self.series.iter().zip(COLOURS.iter().cycle())) {
            let y = TOP + 14.0 + 20.0 * f64::from(number);
            let x = WIDTH - RIGHT + 16.0;
            svg += &format!("<circle cx=\"{x}\" cy=\"{}\" r=\"5\" fill=\"{colour}\"/>\n", y - 4.0);
            svg += &text(x + 12.0, y, "start", &series.name);
        }
        svg + "</svg>\n"
    }
}

fn x(axis: &Axis, value: f64) -> f64 {
    LEFT + axis.at(value) * (WIDTH - LEFT - RIGHT)
}

fn y(axis: &Axis, value: f64) -> f64 {
    HEIGHT - BOTTOM - axis.at(value) * (HEIGHT - TOP - BOTTOM)
}

fn text(x: f64, y: f64, anchor: &str, text: &str) -> String {
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>\n")
}

fn line(from: (f64, f64), to: (f64, f64)) -> String {
    format!(
        "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"#ddd\"/>\n",
        from.0, from.1, to.0, to.1
    )
}

fn grid(across: &Axis, up: &Axis) -> String {
    let mut svg = String::new();
    for tick in up.ticks() {
        svg += &line((LEFT, y(up, tick)), (WIDTH - RIGHT, y(up, tick)));
        svg += &text(LEFT - 8.0, y(up, tick) + 4.0, "end", &crate::samples::thousands(tick));
    }
    for tick in across.ticks() {
        svg += &line((x(across, tick), TOP), (x(across, tick), HEIGHT - BOTTOM));
        svg += &text(x(across, tick), HEIGHT - BOTTOM + 18.0, "middle", &crate::samples::thousands(tick));
    }
    svg
}

fn drawn(series: &Series, colour: &str, across: &Axis, up: &Axis) -> String {
    let places: Vec<_> = series.points.iter().map(|point| (x(across, point.0), y(up, point.1))).collect();
    let mut svg = String::new();
    if series.joined {
        let path: Vec<String> = places.iter().map(|place| format!("{:.1},{:.1}", place.0, place.1)).collect();
        svg += &format!("<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\"/>\n", path.join(" "));
    }
    for place in &places {
        svg += &format!("<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\"/>\n", place.0, place.1);
    }
    svg
}
