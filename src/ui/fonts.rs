//! Letters that the window's own fonts lack come from the system's fonts. Those are looked for when the first such letter is
//! to be drawn, on a thread of their own; until they are there, and where there are none, it is drawn as a box.

use egui::epaint::text::{FallbackRequest, FontData, FontInsert, FontPriority, InsertFontFamily};
use egui::mutex::Mutex;
use fontique::{
    Collection, CollectionOptions, FallbackKey, GenericFamily, Language, QueryFamily, QueryFont, QueryStatus,
    Script, SourceCache, SourceCacheOptions,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use unicode_script::UnicodeScript;

/// Hears of letters that no font has.
pub struct Missing {
    heard: Arc<AtomicBool>,
    answered: bool,
}

impl Missing {
    /// Begins to listen; no font is loaded yet.
    pub fn listen(ctx: &egui::Context) -> Self {
        let heard = Arc::new(AtomicBool::new(false));
        let hears = heard.clone();
        ctx.add_font_provider(Arc::new(move |_: &FallbackRequest<'_>| {
            hears.store(true, Ordering::Relaxed);
            None
        }));
        Self { heard, answered: false }
    }

    /// Starts the search when the first letter has been missed. To be called after drawing.
    pub fn answer(&mut self, ctx: &egui::Context) {
        if self.answered || !self.heard.load(Ordering::Relaxed) {
            return;
        }
        self.answered = true;
        let ctx = ctx.clone();
        let search = move || {
            let fonts = Mutex::new(SystemFonts::list());
            // Everything is laid out anew, the boxes too.
            ctx.set_font_providers(vec![Arc::new(move |r: &FallbackRequest<'_>| fonts.lock().find(r))]);
            ctx.request_repaint();
        };
        if let Err(e) = std::thread::Builder::new().name("fonts".to_owned()).spawn(search) {
            log::warn!("The system's fonts are not looked for: {e}");
        }
    }
}

struct SystemFonts {
    collection: Collection,
    cache: SourceCache,
}

impl SystemFonts {
    /// Takes up to some hundred milliseconds.
    fn list() -> Self {
        Self {
            collection: Collection::new(CollectionOptions { shared: false, system_fonts: true }),
            cache: SourceCache::new(SourceCacheOptions::default()),
        }
    }

    fn find(&mut self, request: &FallbackRequest<'_>) -> Option<FontInsert> {
        let letter = request.cluster.chars().next()?;
        let font = fallbacks(letter).into_iter().find_map(|key| self.with_letter(key, letter))?;
        let family = self.collection.family_name(font.family.0).unwrap_or("unknown");
        Some(FontInsert {
            name: format!("system:{family}:{}:{}", font.family.1, font.index),
            data: FontData::from_blob(font.blob.into_raw_parts().0, font.index),
            families: vec![InsertFontFamily {
                family: request.family.clone(),
                priority: FontPriority::Lowest,
            }],
        })
    }

    fn with_letter(&mut self, key: Option<FallbackKey>, letter: char) -> Option<QueryFont> {
        let mut query = self.collection.query(&mut self.cache);
        let general = [GenericFamily::SansSerif, GenericFamily::SystemUi, GenericFamily::Emoji];
        query.set_families(general.map(QueryFamily::Generic));
        if let Some(key) = key {
            query.set_fallbacks(key);
        }
        let mut found = None;
        query.matches_with(|font| {
            let has = font.charmap().and_then(|map| map.map(letter)).is_some_and(|glyph| glyph != 0);
            if !has {
                return QueryStatus::Continue;
            }
            found = Some(font.clone());
            QueryStatus::Stop
        });
        found
    }
}

/// Under what the system may know a font for this letter. A font for Chinese characters is one of a language, and has only
/// those of that language.
fn fallbacks(letter: char) -> Vec<Option<FallbackKey>> {
    let script = letter.script();
    let Ok(key) = Script::parse(script.short_name()) else { return vec![None] };
    let mut keys = vec![Some(FallbackKey::new(key, None))];
    if script == unicode_script::Script::Han {
        let languages = ["ja", "zh-SG", "zh-TW", "ko"].into_iter().filter_map(|l| Language::parse(l).ok());
        keys.extend(languages.map(|language| Some(FallbackKey::new(key, Some(&language)))));
    }
    keys
}
