use super::*;

#[test]
fn a_sentence_is_in_its_pieces() {
    let mut templates = Environment::new();
    add_to(&mut templates);
    templates.set_auto_escape_callback(|_| minijinja::AutoEscape::Html);
    for (id, sentence) in of(Lang::En) {
        let forms = match sentence {
            Sentence::Plain(text) => vec![text],
            Sentence::Counted { one, other } => vec![one, other],
        };
        assert!(forms.iter().all(|form| !form.is_empty()), "{id} is empty");
    }
}
